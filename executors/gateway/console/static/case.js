// A case: answers by key, the next case ready before it is asked for, and a way back.
//
// A key decides once: while an answer is under way, and until a case has been on the screen for a
// moment (data-ready), the answering keys do nothing. The server takes the same answer twice as one.
import { base, get, post, Refused } from "./ask.js";
import { parse } from "./html.js";
import { Ahead, Passed } from "./ahead.js";
import { hush, say } from "./say.js";
import { offerNear } from "./near.js";
import { setView, viewOf } from "./view.js";
import { showTimes } from "./times.js";
import { openZoom } from "./zoom.js";

const SETTLES_MS = 400;
const RENEW_MS = 180000;
const MADE = "adjudicate-answers";

const text = (name) => document.querySelector(`template[data-text="${name}"]`).content.textContent;
const main = () => document.getElementById("main");
const idNow = () => main().dataset.caseId;

let busy = false;
let settling = 0;
const passed = new Passed();
const ahead = new Ahead(() => new URLSearchParams(location.search), () => [idNow(), ...passed.ids()]);

function setBusy(value) {
  busy = value;
  document.documentElement.toggleAttribute("data-busy", value);
}

/** The answers of this tab that can be taken back, the last one last. */
function answers(change) {
  const kept = JSON.parse(sessionStorage.getItem(MADE) || "[]");
  if (change) {
    change(kept);
    sessionStorage.setItem(MADE, JSON.stringify(kept.slice(-20)));
  }
  return kept;
}

/** Put another case on the screen; its page was rendered by the server. */
function show(page, path, push = true) {
  const next = page.getElementById("main");
  main().replaceWith(document.importNode(next, true));
  document.title = page.title;
  if (push) history.pushState({ case: true }, "", `${base}${path}${location.search}`);
  appeared();
  window.scrollTo(0, 0);
  main().querySelector("h1").focus({ preventScroll: true });
}

function appeared() {
  clearTimeout(settling);
  settling = setTimeout(() => main().toggleAttribute("data-ready", true), SETTLES_MS);
  showTimes(main());
  for (const button of main().querySelectorAll("[data-toggle]")) {
    button.setAttribute("aria-pressed", String(Boolean(viewOf(button.dataset.toggle))));
  }
  main().querySelector('[data-do="undo"]')?.toggleAttribute("data-nothing", !answers().length && !main().hasAttribute("data-undoable"));
  if (main().hasAttribute("data-can-answer") && !main().hasAttribute("data-held")) take(idNow());
  if (main().hasAttribute("data-works")) prepare();
}

/** Hold the case, so that others see that somebody is at it. */
async function take(id) {
  try {
    await post(`/cases/${encodeURIComponent(id)}/claim`);
    if (id === idNow()) main().toggleAttribute("data-held", true);
  } catch (error) {
    if (id === idNow()) failed(error);
  }
}

async function prepare() {
  const line = main().querySelector("[data-ahead]");
  const found = await ahead.fetch();
  if (!line.isConnected) return;
  line.textContent = found ? text("ahead") : text("last");
  line.hidden = false;
}

function failed(error) {
  if (error instanceof Refused) say(error.message, "violation");
  else if (error instanceof TypeError) say(text("failed"), "violation");
  else throw error;
}

async function open(id, push = true) {
  const path = `/cases/${encodeURIComponent(id)}`;
  const response = await fetch(`${base}${path}${location.search}`, { headers: { Accept: "text/html" } });
  const page = parse(await response.text());
  if (!response.ok || !page.querySelector("[data-case-id]")) location.assign(`${base}${path}${location.search}`);
  else show(page, path, push);
}

/** To the next case; where none waits, to the queue. */
async function goOn() {
  const next = await ahead.take();
  if (next) show(next.page, `/cases/${encodeURIComponent(next.id)}`);
  else location.assign(`${base}/queue${location.search}`);
}

function undoButton() {
  const button = document.createElement("button");
  const hint = document.createElement("kbd");
  hint.className = "key";
  hint.textContent = "u";
  button.type = "button";
  button.append(text("undo"), " ", hint);
  button.addEventListener("click", () => act("undo"));
  return button;
}

async function answer(kind, note) {
  const id = idNow();
  const values = new FormData(document.getElementById("act"));
  values.set("do", kind);
  if (note) values.set("note", note);
  const made = await post(`/cases/${encodeURIComponent(id)}/review`, values);
  answers((kept) => kept.push({ id, number: made.review.number }));
  try {
    await goOn();
  } catch {
    location.assign(`${base}/queue${location.search}`); // the answer is recorded all the same
    return;
  }
  say(made.said, "", [undoButton()]);
  if (kind !== "skip" && made.review.state_after === "settled") offerNear(id, made.said, undoButton);
}

async function undo() {
  const own = answers().at(-1);
  const id = own ? own.id : idNow();
  const values = { do: "undo", ...(own ? { number: own.number } : {}) };
  try {
    await post(`/cases/${encodeURIComponent(id)}/review`, values);
  } finally {
    answers((kept) => kept.pop());
  }
  if (id !== idNow()) ahead.keep(idNow());
  await open(id);
  say(text("undone"));
}

async function act(kind, note) {
  if (busy) return;
  const answering = !["undo", "next"].includes(kind);
  if (answering && !main().hasAttribute("data-ready")) return;
  setBusy(true);
  hush();
  try {
    if (kind === "undo") await undo();
    else if (kind === "next") {
      const id = idNow();
      passed.add(id);
      await goOn();
      post(`/cases/${encodeURIComponent(id)}/release`).catch(() => {});
    } else if (kind === "teach") say((await post(`/cases/${encodeURIComponent(idNow())}/review`, { do: kind })).said);
    else await answer(kind, note);
  } catch (error) {
    failed(error);
  } finally {
    setBusy(false);
  }
}

function skip() {
  if (busy || !main().hasAttribute("data-ready")) return;
  document.getElementById("skip").showModal();
}

document.addEventListener("click", (event) => {
  const target = event.target;
  const toggle = target.closest("[data-toggle]");
  const reason = target.closest("[data-reason], [data-reason-other]");
  if (toggle) {
    const on = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(on));
    setView(toggle.dataset.toggle, on ? "1" : "");
  } else if (reason) {
    const dialog = document.getElementById("skip");
    const note = reason.value || dialog.querySelector("input").value.trim();
    if (!note) return dialog.querySelector("input").focus();
    dialog.close();
    act("skip", note);
  } else if (target.closest("[data-zoom]") || target.matches(".picture img")) openZoom(main());
});

document.addEventListener("submit", (event) => {
  if (event.target.id !== "act") return;
  event.preventDefault();
  const kind = event.submitter?.dataset.do;
  if (kind === "skip") skip();
  else if (kind) act(kind);
});

// Enter in the note or on the choice of a rule answers nothing: only a button or its key does.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  if (event.target.matches("#act input, #act select")) {
    event.preventDefault();
    event.target.blur();
  } else if (event.target.matches('#skip input[name="other"]')) {
    event.preventDefault();
    document.querySelector("[data-reason-other]").click();
  }
});

window.addEventListener("popstate", () => {
  const found = location.pathname.match(/\/cases\/([^/]+)$/);
  if (found && !busy) open(decodeURIComponent(found[1]), false).catch(failed);
});

setInterval(() => {
  if (document.visibilityState !== "visible" || !main().hasAttribute("data-works")) return;
  if (main().hasAttribute("data-can-answer")) take(idNow());
  ahead.renew();
}, RENEW_MS);

window.addEventListener("pagehide", () => ahead.release());

appeared();
