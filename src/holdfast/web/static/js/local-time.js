// <local-time form="relative|exact|precise|date"> shows its <time> in the reader's time zone, which is named, and keeps
// relative times current. The words are those of times.py.
const [MINUTE, HOUR, DAY] = [60, 3600, 86400];
const REFRESH = 10_000; // milliseconds
const day = { day: "numeric", month: "short", year: "numeric" };
const minute = { ...day, hour: "numeric", minute: "2-digit", timeZoneName: "short" };
const formats = Object.fromEntries(
  Object.entries({ date: day, exact: minute, precise: { ...minute, second: "2-digit" } }).map(([form, fields]) => [
    form,
    new Intl.DateTimeFormat(undefined, fields),
  ]),
);
const relativeTimes = new Set();

const describeRelative = (at) => {
  const left = (at - Date.now()) / 1000;
  const distance = Math.abs(left);
  if (distance >= 30 * DAY) return formats.date.format(at);
  if (distance < 10) return left > 0 ? "now" : "just now";
  const days = Math.floor(distance / DAY);
  const amount =
    distance < MINUTE ? `${Math.floor(distance / 10) * 10} s`
    : distance < HOUR ? `${Math.floor(distance / MINUTE)} min`
    : distance < DAY ? `${Math.floor(distance / HOUR)} h`
    : `${days} day${days === 1 ? "" : "s"}`;
  return left > 0 ? `in ${amount}` : `${amount} ago`;
};

customElements.define("local-time", class extends HTMLElement {
  connectedCallback() {
    this.time = this.querySelector("time");
    this.at = new Date(this.time.dateTime);
    this.form = this.getAttribute("form");
    if (this.form !== "relative") this.time.textContent = formats[this.form].format(this.at);
    this.refresh();
    relativeTimes.add(this);
  }

  disconnectedCallback() {
    relativeTimes.delete(this);
  }

  refresh() {
    const [relative, precise] = [describeRelative(this.at), formats.precise.format(this.at)];
    const [text, title] =
      this.form === "relative" ? [relative, precise]
      : this.form === "date" ? [this.time.textContent, `${precise} (${relative})`]
      : [this.time.textContent, relative];
    if (this.time.textContent !== text) this.time.textContent = text;
    if (this.time.title !== title) this.time.title = title;
  }
});

setInterval(() => relativeTimes.forEach((each) => each.refresh()), REFRESH);

const TIME = /\b(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?) UTC/;

// Write *text* into *element*, with its times, such as "2026-11-29 04:25 UTC", as elements.
export const writeText = (element, text) => {
  if (element.dataset.text === text) return;
  element.dataset.text = text;
  const nodes = [];
  let rest = text;
  for (let match = TIME.exec(rest); match; match = TIME.exec(rest)) {
    const shown = document.createElement("local-time");
    const time = document.createElement("time");
    [time.dateTime, time.textContent] = [`${match[1]}T${match[2]}Z`, match[0]];
    shown.setAttribute("form", element.dataset.form ?? (match[2].length > 5 ? "precise" : "exact"));
    shown.append(time);
    nodes.push(rest.slice(0, match.index), shown);
    rest = rest.slice(match.index + match[0].length);
  }
  element.replaceChildren(...nodes, rest);
};
