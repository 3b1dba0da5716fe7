// The live region at the bottom: what was done, for eyes and screen readers alike.
const STAYS_MS = 6000;
let hiding = 0;

/** Say a text; `kind` is `violation` for what went wrong. `more` are elements put beside it. */
export function say(text, kind = "", more = []) {
  const region = document.getElementById("said");
  clearTimeout(hiding);
  const line = document.createElement("p");
  const words = document.createElement("span");
  words.textContent = text;
  line.append(words, ...more);
  region.className = `said ${kind}`;
  region.replaceChildren(line);
  hiding = setTimeout(hush, kind || more.length ? STAYS_MS * 2 : STAYS_MS);
}

/** Say nothing any more. */
export function hush() {
  clearTimeout(hiding);
  document.getElementById("said").replaceChildren();
}
