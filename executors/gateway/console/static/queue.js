// Filters act at once, rows open where they are clicked, and j and k go through them.
document.documentElement.toggleAttribute("data-scripted", true);

const form = document.querySelector("[data-filters]");
form?.addEventListener("change", (event) => {
  if (event.target.matches("select")) form.requestSubmit();
});
form?.addEventListener("submit", () => {
  for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
});

const rows = [...document.querySelectorAll("[data-row]")];
for (const row of rows) {
  row.addEventListener("click", (event) => {
    if (event.target.closest("a, button, input") || getSelection().toString()) return;
    row.querySelector("[data-open]").click();
  });
}

document.addEventListener("keydown", (event) => {
  const step = { j: 1, k: -1 }[event.key];
  const typing = event.target.closest("input, select, textarea");
  const off = document.documentElement.hasAttribute("data-keys-off");
  if (!step || typing || off || event.ctrlKey || event.metaKey || event.altKey || !rows.length) return;
  const links = rows.map((row) => row.querySelector("[data-open]"));
  const at = links.indexOf(document.activeElement);
  const to = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1);
  links[to].focus();
  event.preventDefault();
});
