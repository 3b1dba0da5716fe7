// Times are rendered in UTC; here they become the reader's own, and "… ago" stays true.
const language = document.documentElement.lang;
const forms = {
  full: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }),
  day: new Intl.DateTimeFormat(language, { dateStyle: "medium" }),
};
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

function ago(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, one]) => Math.abs(seconds) >= one) || ["second", 1];
  return size === 1 ? relative.format(0, "second") : relative.format(Math.trunc(seconds / size), unit);
}

/** Rewrite the times within an element; call it for what a script puts on the page. */
export function showTimes(within = document) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = forms.full.format(moment);
    time.textContent = time.dataset.form === "ago" ? ago(moment) : forms[time.dataset.form || "full"].format(moment);
  }
}

export function startTimes() {
  showTimes();
  setInterval(() => showTimes(), 60000);
}
