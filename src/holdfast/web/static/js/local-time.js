// <local-time datetime="..."> shows a time in the reader's time zone, with seconds if precise. Its title is the time in UTC.
const [format, precise] = ["short", "medium"].map(
  (timeStyle) => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle }),
);

customElements.define("local-time", class extends HTMLElement {
  connectedCallback() {
    if (this.title) return;
    this.title = this.textContent;
    this.textContent = (this.hasAttribute("precise") ? precise : format).format(new Date(this.getAttribute("datetime")));
  }
});
