// The next case, claimed and fetched before it is asked for, with its pictures.
import { base, post } from "./ask.js";
import { parse } from "./html.js";

const PASSED = "adjudicate-passed";
const MOST_PASSED = 90;

/** The cases that this tab left as they were: they are not given to it again at once. */
export class Passed {
  ids() {
    return JSON.parse(sessionStorage.getItem(PASSED) || "[]");
  }

  add(id) {
    const ids = [...this.ids().filter((one) => one !== id), id];
    sessionStorage.setItem(PASSED, JSON.stringify(ids.slice(-MOST_PASSED)));
  }
}

export class Ahead {
  #filters;
  #skipped;
  #next = null;
  #fetching = null;

  /** Both are asked each time: the query of the page, and the ids that are not to come. */
  constructor(filters, skipped) {
    this.#filters = filters;
    this.#skipped = skipped;
  }

  /** Make the next case ready. True when there is one. */
  async fetch() {
    if (this.#next) return true;
    this.#fetching ??= this.#claimed().finally(() => { this.#fetching = null; });
    this.#next = await this.#fetching.catch(() => null);
    return this.#next !== null;
  }

  /** The next case, `{id, page}`, which is the caller's now; null when none waits. */
  async take() {
    if (!this.#next) await this.fetch();
    const next = this.#next;
    this.#next = null;
    return next;
  }

  /** What is on the screen is to come next: another case goes before it. */
  async keep(id) {
    if (!this.#next) return;
    const kept = this.#next;
    this.#next = null;
    post(`/cases/${encodeURIComponent(kept.id)}/release`).catch(() => {});
    post(`/cases/${encodeURIComponent(id)}/release`).catch(() => {});
  }

  /** Hold it a while longer. */
  renew() {
    if (!this.#next) return;
    post(`/cases/${encodeURIComponent(this.#next.id)}/claim`).catch(() => { this.#next = null; });
  }

  /** Give it back, also while the page is being left. */
  release() {
    if (!this.#next) return;
    post(`/cases/${encodeURIComponent(this.#next.id)}/release`, {}, { keepalive: true }).catch(() => {});
    this.#next = null;
  }

  async #claimed() {
    const asked = this.#filters();
    for (const id of this.#skipped()) asked.append("skip", id);
    const { id } = await post("/queue/next", asked);
    if (!id) return null;
    const response = await fetch(`${base}/cases/${encodeURIComponent(id)}${location.search}`, { headers: { Accept: "text/html" } });
    if (!response.ok) return null;
    const page = parse(await response.text());
    for (const image of page.querySelectorAll('[data-picture] img:not([loading="lazy"])')) {
      new Image().src = image.getAttribute("src");
    }
    return { id, page };
  }
}
