// Pictures by drop and by paste, shown before they are sent; and what the service says of them.
import { parse } from "./html.js";

const WAIT_MS = 500;
const csrf = document.querySelector('meta[name="csrf"]').content;

function pictures(transfer, most) {
  return [...(transfer?.files || [])].filter((file) => file.type.startsWith("image/")).slice(0, most);
}

function preview(place, files) {
  for (const image of place.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  place.replaceChildren(...files.map((file) => {
    const image = document.createElement("img");
    image.src = URL.createObjectURL(file);
    image.alt = file.name;
    return image;
  }));
}

function start(drop) {
  const input = drop.querySelector("input[type=file]");
  const form = drop.closest("form");
  const place = drop.querySelector("[data-previews]");
  const most = Number(drop.dataset.dropMost || 1);
  let waiting = 0;
  let asking = null;

  function take(files) {
    if (!files.length) return;
    const held = new DataTransfer();
    for (const file of input.multiple ? files : files.slice(0, 1)) held.items.add(file);
    input.files = held.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** Ask what is like it already; nothing is stored. */
  async function ask() {
    const into = document.querySelector(drop.dataset.dropInto);
    asking?.abort();
    asking = new AbortController();
    into.setAttribute("aria-busy", "true");
    try {
      const options = { method: "POST", body: new FormData(form), headers: { "X-CSRF": csrf }, signal: asking.signal };
      const response = await fetch(drop.dataset.drop, options);
      const fresh = parse(await response.text());
      into.replaceChildren(...[...fresh.body.childNodes].map((node) => document.adoptNode(node)));
    } catch (error) {
      if (error.name !== "AbortError") into.replaceChildren();
    }
    into.removeAttribute("aria-busy");
  }

  function soon() {
    if (!drop.dataset.drop) return;
    clearTimeout(waiting);
    waiting = setTimeout(ask, WAIT_MS);
  }

  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // a picture beside the field is meant for it too
    drop.classList.remove("over");
    take(pictures(event.dataTransfer, most));
  });
  document.addEventListener("paste", (event) => take(pictures(event.clipboardData, most)));
  input.addEventListener("change", () => {
    preview(place, [...input.files]);
    if (drop.hasAttribute("data-drop-submits") && input.files.length) form.requestSubmit();
    else soon();
  });
  form.querySelector("[data-drop-text]")?.addEventListener("input", soon);
}

for (const drop of document.querySelectorAll("[data-drop-most]")) start(drop);
