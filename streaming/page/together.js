// A room with several people: its link, the visitor's name, who is here, who speaks.

import * as api from "./api.js";
import { $, el, toast } from "./dom.js";

export const NAME_KEY = "visavis-name";
const ROOM = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const COLOURS = ["#2f7d73", "#b8603f", "#5b6bb0", "#9a7a22", "#8a5587"];
const FIRST = ["amber", "calm", "clear", "fresh", "golden", "green", "kind", "light", "mellow", "quiet", "silver", "warm"];
const SECOND = ["cove", "garden", "harbour", "hill", "lake", "meadow", "porch", "river", "shore", "terrace", "valley", "wood"];

export class Together {
  constructor() {
    this.room = roomAsked("room");
    this.me = null;
    this.guests = [];
    this.talking = [];
    this.floor = "";
    $("name-field").hidden = $("room-line").hidden = !this.room;
    $("meet-together").hidden = Boolean(this.room);
    $("visitor-name").value = localStorage.getItem(NAME_KEY) ?? "";
    $("visitor-name").onkeydown = (event) => event.key === "Enter" && $("join").click();
    $("meet-together").onclick = () => location.assign(addressOf("room", someRoom()));
    $("meet-call").onclick = () => location.assign(addressOf("call", someRoom()));
    if (this.room) document.body.dataset.together = "true";
  }

  /** Tell in the lobby who is there. Returns the avatar they are with, or null. */
  async look() {
    if (!this.room) return null;
    const { avatar, guests } = await api.roomGuests(this.room);
    $("room-line").textContent = guests.length ? `${listed(guests)} ${guests.length > 1 ? "are" : "is"} here` : "You are the first here";
    return avatar;
  }

  /** What to offer with: nothing when one visits alone. */
  pass() {
    if (!this.room) return {};
    const name = $("visitor-name").value.trim();
    localStorage.setItem(NAME_KEY, name);
    return { room: this.room, name };
  }

  leave() {
    this.guests = this.talking = [];
    this.floor = "";
    $("guests").hidden = true;
    return this.look();
  }

  /** Take a `guests` event. Returns words about who came and went. */
  here({ me, guests }) {
    const before = new Set(this.guests.map((guest) => guest.name));
    const now = new Set(guests.map((guest) => guest.name));
    const came = [...now].filter((name) => !before.has(name) && name !== me);
    const went = [...before].filter((name) => !now.has(name) && name !== me);
    const first = this.guests.length === 0;
    [this.me, this.guests] = [me, guests];
    this.#draw();
    if (first) return came.length ? [`${listed(came)} ${came.length > 1 ? "are" : "is"} here`] : [];
    return [...came.map((name) => `${name} joined`), ...went.map((name) => `${name} left`)];
  }

  /** Take a `talking` event. */
  speaking({ guests, floor }) {
    [this.talking, this.floor] = [guests, floor];
    for (const item of $("guest-list").children) this.#mark(item);
  }

  async invite() {
    const link = addressOf("room", this.room) + api.tokenHash();
    try {
      await navigator.clipboard.writeText(link);
      toast("Link copied. Whoever opens it joins you here.");
    } catch {
      prompt("Send this link to whoever should join:", link);
    }
  }

  #draw() {
    $("guests").hidden = false;
    $("guest-list").replaceChildren(...this.guests.map((guest) => this.#chip(guest)));
  }

  #chip({ name, place }) {
    const face = el("span", { className: "guest-face", textContent: initials(name) });
    face.setAttribute("aria-hidden", "true");
    const label = el("span", { className: "guest-name", textContent: name === this.me ? "You" : name, title: name });
    const item = el("li", { className: "guest" }, face, label, el("span", { className: "visually-hidden guest-says" }));
    item.dataset.name = name;
    item.style.setProperty("--colour", colourOf(place));
    this.#mark(item);
    return item;
  }

  #mark(item) {
    const { name } = item.dataset;
    item.dataset.talking = String(this.talking.includes(name));
    item.dataset.floor = String(this.floor === name);
    item.querySelector(".guest-says").textContent = this.talking.includes(name) ? ", speaking" : "";
  }

  /** Whom the avatar hears, when it is not this visitor. */
  get floorOfOthers() {
    return this.floor === this.me ? "" : this.floor;
  }

  colour(name) {
    const guest = this.guests.find((one) => one.name === name);
    return guest ? colourOf(guest.place) : null;
  }
}

/** The room or call that the page's link names, or null. */
export function roomAsked(kind) {
  const asked = new URLSearchParams(location.search).get(kind)?.toLowerCase();
  if (asked && !ROOM.test(asked)) toast(`This link names no ${kind}: letters, digits, - and _ are possible.`, "warning");
  return asked && ROOM.test(asked) ? asked : null;
}

function addressOf(kind, name) {
  const query = new URLSearchParams(location.search);
  query.set(kind, name);
  return `${location.origin}/?${query}`;
}

const colourOf = (place) => COLOURS[Math.round(2 * place + 2)];
const initials = (name) => name.split(/\s+/).slice(0, 2).map((word) => [...word][0]).join("").toUpperCase();
export const listed = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

/** A name for a new room: easy to read aloud, and not to be guessed. */
function someRoom() {
  const random = crypto.getRandomValues(new Uint32Array(3));
  const tail = random[2].toString(36).padStart(7, "0").slice(-6);
  return `${FIRST[random[0] % FIRST.length]}-${SECOND[random[1] % SECOND.length]}-${tail}`;
}
