// Pages of our own server as nodes. Trusted types allow it here and nowhere else; the scripts of
// what is parsed do not run.
const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("adjudicate", { createHTML: (html) => html })
  : { createHTML: (html) => html };

/** The document of a page that our server rendered. */
export function parse(html) {
  return new DOMParser().parseFromString(policy.createHTML(html), "text/html");
}
