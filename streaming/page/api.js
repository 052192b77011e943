// Calls of the room's HTTP interface. Every failure is an ApiError with words for people.

const TOKEN_KEY = "visavis-token";

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Take the token out of `#token=…`, so that it does not stay in the address bar. */
function readToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN_KEY, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN_KEY);
}

const token = readToken();

async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new ApiError("The room does not answer. Is it still running?", 0);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new ApiError(body.message ?? `The room answered ${response.status}.`, response.status);
}

export const iceSettings = async () => (await ask("/api/ice")).json();
export const avatars = async () => (await ask("/api/avatars")).json();

/** Who is in a room with several people. */
export const roomGuests = async (room) => (await ask(`/api/rooms/${room}`)).json();

/** Who is in a call. */
export const callPeople = async (call) => (await ask(`/api/calls/${call}`)).json();

/** What a link needs so that it opens the room for others, too. */
export const tokenHash = () => (token ? `#token=${encodeURIComponent(token)}` : "");

/** Send an offer; `pass` names a room with several people and the visitor, or is empty. */
export async function offer(sdp, avatar, pass) {
  const body = JSON.stringify({ sdp, avatar, ...pass });
  return (await ask("/api/offer", { method: "POST", body, headers: { "Content-Type": "application/json" } })).json();
}

/** End a visit; works while the page is being closed, too. */
export const endVisit = (visit) => ask(`/api/visits/${visit}`, { method: "DELETE", keepalive: true });

/** Address of a picture: with a token, images must be fetched by hand. */
export async function pictureUrl(path) {
  if (!token) return path;
  return URL.createObjectURL(await (await ask(path)).blob());
}

/** Upload a photo; `onProgress(stage, fraction)` follows the work. Returns the new avatar's name and its key. */
export async function createAvatar(title, photo, maker, onProgress) {
  const form = new FormData();
  form.append("name", title);
  form.append("made_by", maker);
  form.append("photo", photo, "photo");
  const response = await ask("/api/avatars", { method: "POST", body: form });
  for await (const line of jsonLines(response.body)) {
    if (line.kind === "progress") onProgress(line.stage, line.fraction);
    else if (line.kind === "error") throw new ApiError(line.message, 422);
    else if (line.kind === "done") return { name: line.name, key: line.key };
  }
  throw new ApiError("The connection broke while the avatar was being made.", 0);
}

async function* jsonLines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
  }
}
