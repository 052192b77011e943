// The words of both sides.

import { $, el } from "./dom.js";

const STARTERS = ["Hello! Who are you?", "What can we talk about?"];

export class Chat {
  constructor(onStarter) {
    this.list = $("messages");
    this.turns = new Map();
    $("starters").replaceChildren(
      ...STARTERS.map((text) => el("button", { type: "button", textContent: text, onclick: () => onStarter(text) })),
    );
  }

  clear() {
    this.list.replaceChildren();
    this.turns.clear();
    $("chat-empty").hidden = false;
  }

  /** Show a caption; a later one of the same side and turn replaces the earlier.

      `other`, the name and colour of another visitor whose words they are, is null for one's own. */
  caption({ who, turn, text, final }, other = null) {
    const key = `${who} ${turn}`;
    let message = this.turns.get(key);
    if (!text) {
      if (final) message?.remove();
      return;
    }
    if (!message?.isConnected) {
      message = el("li", { className: `message ${other ? "other" : who}` });
      if (other) message.style.setProperty("--colour", other.colour);
      this.turns.set(key, message);
      this.#append(message);
    }
    message.textContent = text;
    if (other) message.prepend(el("b", { className: "by", textContent: other.name }));
    message.dataset.final = String(final);
    this.#follow();
  }

  note(text) {
    this.#append(el("li", { className: "message note", textContent: text }));
  }

  #append(item) {
    $("chat-empty").hidden = true;
    this.list.append(item);
    this.#follow();
  }

  #follow() {
    $("chat").scrollTop = $("chat").scrollHeight;
  }
}
