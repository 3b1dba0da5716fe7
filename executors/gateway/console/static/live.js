// Parts of a page that are fetched again: as its form is filled in, or every few seconds.
import { parse } from "./html.js";
import { showTimes } from "./times.js";

const WAIT_MS = 200;

/** The page of a URL as our server renders it. Raises where it is not rendered. */
async function page(url, signal) {
  const response = await fetch(url, { headers: { Accept: "text/html" }, signal });
  if (!response.ok) throw new Error(`${response.status}`);
  return parse(await response.text());
}

/** Put the new page's parts in the place of this one's. */
function put(fresh, selectors) {
  for (const selector of selectors) {
    const [now, then] = [document.querySelector(selector), fresh.querySelector(selector)];
    if (!now || !then) continue;
    now.replaceChildren(...[...then.childNodes].map((node) => document.adoptNode(node)));
    showTimes(now);
  }
}

/** A number as the server writes thresholds; other values as they are. */
function shown(input) {
  return input.type === "range" ? Number(input.value).toFixed(3) : input.value;
}

function follow(form) {
  const selectors = form.dataset.live.split(" ");
  let waiting = 0;
  let asking = null;

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const url = new URL(form.action);
    for (const [name, value] of new FormData(form)) if (value) url.searchParams.append(name, value);
    const parts = selectors.map((selector) => document.querySelector(selector));
    for (const part of parts) part?.setAttribute("aria-busy", "true");
    try {
      put(await page(url, asking.signal), selectors);
      history.replaceState(null, "", url);
    } catch (error) {
      if (error.name === "AbortError") return;
      location.assign(url); // the server's own page says what is wrong
    }
    for (const part of parts) part?.removeAttribute("aria-busy");
  }

  form.addEventListener("input", (event) => {
    for (const twin of form.querySelectorAll(`[data-shows="${CSS.escape(event.target.name)}"]`)) twin.value = shown(event.target);
    clearTimeout(waiting);
    waiting = setTimeout(ask, WAIT_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    ask();
  });
}

function refresh(part) {
  const seconds = Number(part.dataset.refreshS);
  let failed = false;
  setInterval(async () => {
    if (document.hidden || part.contains(document.activeElement)) return;
    try {
      put(await page(location.href), [`#${CSS.escape(part.id)}`]);
      failed = false;
    } catch {
      failed = true;
    }
    part.toggleAttribute("data-stale", failed);
  }, seconds * 1000);
}

for (const form of document.querySelectorAll("form[data-live]")) follow(form);
for (const part of document.querySelectorAll("[data-refresh-s]")) refresh(part);
