// Tabs of the side panel, with arrow keys, and the button that hides it.

import { $ } from "./dom.js";

export class Panel {
  constructor(onShow) {
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.onShow = onShow;
    for (const tab of this.tabs) {
      tab.onclick = () => this.select(tab);
      tab.onkeydown = (event) => this.#move(event);
    }
    $("panel-toggle").onclick = () => this.toggle($("panel").hidden);
  }

  select(chosen) {
    for (const tab of this.tabs) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = !on;
    }
    this.onShow();
  }

  toggle(on) {
    $("panel").hidden = !on;
    $("panel-toggle").setAttribute("aria-pressed", String(on));
    $("panel-toggle").setAttribute("aria-label", on ? "Hide the side panel" : "Show the side panel");
    if (on) this.onShow();
  }

  #move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = this.tabs[(this.tabs.indexOf(event.target) + step + this.tabs.length) % this.tabs.length];
    this.select(next);
    next.focus();
  }
}
