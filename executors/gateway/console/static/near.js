// After an answer: the near-duplicates that wait, to be settled alike, and that taken back.
import { base, post } from "./ask.js";
import { say } from "./say.js";

const text = (name) => document.querySelector(`template[data-text="${name}"]`).content.textContent;
const fill = (name, n) => text(name).replace("{n}", n);

/** Look for near-duplicates of a settled case, and offer them where there are some. */
export async function offerNear(id, said, undoButton) {
  let found;
  try {
    found = await post(`/cases/${encodeURIComponent(id)}/near`);
  } catch {
    return; // it was an offer: the answer itself is recorded
  }
  if (!found.applied) return;
  const button = document.createElement("button");
  const hint = document.createElement("kbd");
  hint.className = "key";
  hint.textContent = "p";
  button.type = "button";
  button.dataset.key = "p";
  button.append(`${text("propagate")} `, hint);
  button.addEventListener("click", () => location.assign(`${base}/propagations/preview/${encodeURIComponent(id)}`));
  say(`${said} ${fill("near", found.applied)}`, "", [button, undoButton()]);
}
