// <copy-button> copies the value of its button or the text of the element whose ID is in its "for", and confirms it in place and to screen readers.
const CONFIRMED = 2000; // milliseconds

customElements.define("copy-button", class extends HTMLElement {
  connectedCallback() {
    if (!navigator.clipboard || this.status) return;
    const button = this.querySelector("button");
    button.hidden = false;
    button.addEventListener("click", () => this.copy(button.value || document.getElementById(this.getAttribute("for")).textContent));
    this.status = document.createElement("span"); // here, because an open dialog silences the rest of the page
    this.status.className = "visually-hidden";
    this.status.role = "status";
    this.append(this.status);
  }

  async copy(value) {
    await navigator.clipboard.writeText(value);
    this.confirm("Copied");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.confirm(""), CONFIRMED);
  }

  confirm(text) {
    this.classList.toggle("copied", Boolean(text));
    this.status.textContent = text;
  }
});
