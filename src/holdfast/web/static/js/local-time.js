// <local-time datetime="..."> shows a time in the reader's own zone; UTC stays in its title.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

customElements.define("local-time", class extends HTMLElement {
  connectedCallback() {
    if (this.title) return;
    this.title = this.textContent;
    this.textContent = format.format(new Date(this.getAttribute("datetime")));
  }
});
