// Requests to our own server, with what its forms carry.
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content || "";

export const base = meta("base");

/** What the server refused: its stable code, its sentence, the HTTP status. */
export class Refused extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Send a form's values and return the answer's JSON. Raises Refused; TypeError when nobody answers. */
export async function post(path, values = {}, options = {}) {
  return answered(await fetch(`${base}${path}`, {
    method: "POST",
    body: values instanceof FormData ? values : new URLSearchParams(values),
    headers: { Accept: "application/json", "X-CSRF": meta("csrf") },
    ...options,
  }));
}

/** The JSON of a page below the console. Raises as post. */
export async function get(path, options = {}) {
  return answered(await fetch(`${base}${path}`, { headers: { Accept: "application/json" }, ...options }));
}

async function answered(response) {
  if (response.status === 401) {
    location.reload(); // the session is over: the page leads to sign-in and back
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, body.code || "", body.detail || response.statusText);
  return body;
}
