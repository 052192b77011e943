// Keys of avatars, kept in this browser: who has one may lend that avatar their face in a call.

const PREFIX = "visavis-key:";

export const keyOf = (avatar) => localStorage.getItem(PREFIX + avatar) ?? "";
export const keep = (avatar, key) => localStorage.setItem(PREFIX + avatar, key.trim());
export const forget = (avatar) => localStorage.removeItem(PREFIX + avatar);
