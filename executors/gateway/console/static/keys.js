// Keys: an element with data-key="v" is clicked, or gets the focus, when v is pressed;
// data-key="g q" is pressed one after the other. `?` shows them all, from the page itself.
import { setView } from "./view.js";

const SEQUENCE_MS = 1200;
let first = "";
let firstAt = 0;

/** Whether a key is meant for what is being typed. */
function typing(target) {
  return target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") !== null;
}

function visible(element) {
  return element.getClientRects().length > 0 || element.closest("nav[popover]") !== null;
}

/** The element of a key that can be used now. */
function elementOf(key) {
  const within = document.querySelector("dialog[open]") || document;
  const all = within.querySelectorAll(`[data-key="${CSS.escape(key)}"]`);
  return [...all].find((one) => !one.disabled && visible(one));
}

function use(element) {
  if (element.matches("input:not([type=checkbox]):not([type=radio]), select, textarea")) {
    element.focus();
    element.select?.();
  } else element.click();
}

function pressed(event) {
  if (event.defaultPrevented || event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing(event.target)) event.target.blur();
  if (typing(event.target) || event.key.length !== 1) return;
  if (document.documentElement.hasAttribute("data-keys-off")) return;
  const now = performance.now();
  const key = first && now - firstAt < SEQUENCE_MS ? `${first} ${event.key}` : event.key;
  first = "";
  const element = elementOf(key) || elementOf(event.key);
  if (element) {
    event.preventDefault();
    use(element);
  } else if (document.querySelector(`[data-key^="${CSS.escape(event.key)} "]`)) {
    first = event.key;
    firstAt = now;
  }
}

/** What an element is called: its label without the hint of its key. */
function called(element) {
  const label = element.dataset.keyLabel || element.getAttribute("aria-label") || element.labels?.[0]?.textContent;
  if (label) return label.trim();
  const copy = element.cloneNode(true);
  for (const hint of copy.querySelectorAll("kbd, svg")) hint.remove();
  return copy.textContent.trim().replace(/\s+/g, " ");
}

function showKeys() {
  const dialog = document.getElementById("keys");
  const found = new Map();
  for (const element of document.querySelectorAll("[data-key]")) {
    const key = element.dataset.key;
    if (!found.has(key) && visible(element)) found.set(key, called(element));
  }
  const rows = [...found].map(([key, label]) => {
    const row = document.createElement("div");
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    for (const part of key.split(" ")) {
      const hint = document.createElement("kbd");
      hint.className = "key";
      hint.textContent = part;
      dt.append(hint, " ");
    }
    dd.textContent = label;
    row.append(dt, dd);
    return row;
  });
  dialog.querySelector("[data-keys-list]").replaceChildren(...rows);
  dialog.showModal();
}

export function startKeys() {
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys-open]")) showKeys();
  });
  document.querySelector("[data-keys-switch]")?.addEventListener("change", (event) => {
    setView("keys", event.target.checked ? "" : "off");
  });
}
