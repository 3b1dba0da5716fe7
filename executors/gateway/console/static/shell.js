// What every page has: keys, times in the reader's zone, what was said, colours without a reload.
import { startKeys } from "./keys.js";
import { say } from "./say.js";
import { startTimes } from "./times.js";
import { setView } from "./view.js";

startKeys();
startTimes();

// A text that the page before left to be said here, once.
const SAID = "adjudicate-said";
const left = document.cookie.split("; ").find((part) => part.startsWith(`${SAID}=`));
if (left) {
  const value = left.slice(SAID.length + 1).replace(/^"|"$/g, "");
  const base = document.querySelector('meta[name="base"]').content || "/";
  document.cookie = `${SAID}=; Max-Age=0; Path=${base}; SameSite=Strict`;
  const text = new URLSearchParams(value).get("said");
  if (text) say(text);
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-choice]");
  if (choice) {
    event.preventDefault();
    setView("theme", choice.dataset.themeChoice);
    for (const one of document.querySelectorAll("[data-theme-choice]")) {
      if (one === choice) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    }
  }
});
