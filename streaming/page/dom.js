// Small helpers for the page's elements.

export const $ = (id) => document.getElementById(id);

/** Make an element: attributes and properties first, then children. */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS(svg.namespaceURI, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export function toast(text, level = "info", seconds = 6) {
  const shown = [...$("toasts").children].find((other) => other.textContent === text);
  shown?.remove();
  const note = el("p", { className: "toast", textContent: text });
  note.dataset.level = level;
  $("toasts").append(note);
  setTimeout(() => note.remove(), seconds * 1000);
}

export const wait = (ms) => new Promise((done) => setTimeout(done, ms));
