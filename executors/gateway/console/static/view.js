// How a person likes the console, in the cookie that the server reads for the next page.
const COOKIE = "adjudicate-view";
const YEAR_S = 365 * 86400;

function kept() {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${COOKIE}=`));
  return new URLSearchParams(found ? found.slice(COOKIE.length + 1).replace(/^"|"$/g, "") : "");
}

/** The value of `lang`, `theme`, `blur`, `grey` or `keys`; empty when it was never set. */
export function viewOf(name) {
  return kept().get(name) || "";
}

/** Keep a value and show it at once. */
export function setView(name, value) {
  const view = kept();
  if (value) view.set(name, value);
  else view.delete(name);
  const base = document.querySelector('meta[name="base"]').content || "/";
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${COOKIE}=${view}; Max-Age=${YEAR_S}; Path=${base}; SameSite=Strict${secure}`;
  const root = document.documentElement;
  if (name === "theme") {
    root.dataset.theme = value || "auto";
    const scheme = document.querySelector('meta[name="color-scheme"]');
    scheme.content = value === "light" || value === "dark" ? value : "light dark";
  } else if (name === "keys") {
    root.toggleAttribute("data-keys-off", value === "off");
  } else if (name !== "lang") {
    root.toggleAttribute(`data-${name}`, Boolean(value));
  }
}
