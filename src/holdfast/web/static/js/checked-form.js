// <checked-form> marks the fields that the server rejected, and focuses the first new one.
customElements.define("checked-form", class extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.save = this.querySelector("[data-save]");
    this.messages = [];
    this.form.addEventListener("input", (event) => this.edit(event.target));
    this.form.addEventListener("htmx:before:request", () => this.busy(true));
    this.form.addEventListener("htmx:finally:request", () => this.busy(false));
    this.errors = new MutationObserver(() => this.mark());
    this.errors.observe(this.form, { childList: true, subtree: true });
  }

  disconnectedCallback() {
    this.errors.disconnect();
  }

  // An error is outdated once its field changes.
  edit(field) {
    const error = this.form.querySelector(`#${CSS.escape(field.name)}-error`);
    if (error) error.textContent = "";
  }

  busy(sending) {
    this.save.disabled = sending;
    this.save.toggleAttribute("aria-busy", sending);
  }

  // The response to a rejected form replaces only the error texts.
  mark() {
    const errors = [...this.form.querySelectorAll(".invalid-feedback")];
    const wrong = errors.filter((error) => error.textContent.trim());
    const messages = wrong.map((error) => error.id + error.textContent);
    if (messages.join() === this.messages.join()) return;
    const fresh = wrong.find((error) => !this.messages.includes(error.id + error.textContent));
    this.messages = messages;
    for (const error of errors) {
      const input = this.form.elements[error.id.replace("-error", "")];
      input.setAttribute("aria-invalid", wrong.includes(error));
      (input.closest(".drop-zone") ?? input).classList.toggle("is-invalid", wrong.includes(error));
    }
    if (fresh) this.form.elements[fresh.id.replace("-error", "")].focus();
  }
});
