import { writeText } from "./local-time.js";

const PAUSE = 300; // milliseconds without typing

// <upload-form> disables Save until endpoint, alias and certificate are filled in, and while the inspected file can't be
// saved. It marks rejected fields.
customElements.define("upload-form", class extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.save = this.querySelector("[data-save]");
    this.messages = [];
    this.form.addEventListener("input", (event) => this.edit(event.target));
    this.form.addEventListener("change", (event) => this.choose(event.target));
    this.form.addEventListener("htmx:before:request", ({ target }) => {
      if (target === this.form) this.busy(true);
      if (target.id !== "inspection") return;
      this.inspected = this.content;
      target.querySelector("[data-refusal]")?.removeAttribute("data-refusal");
    });
    this.form.addEventListener("htmx:finally:request", (event) => event.target === this.form && this.busy(false));
    this.errors = new MutationObserver(() => {
      this.mark();
      this.check(); // of fetched certificates, one can be chosen already
    });
    this.errors.observe(this.form, { childList: true, subtree: true });
    this.check();
  }

  disconnectedCallback() {
    this.errors.disconnect();
    clearTimeout(this.typing);
  }

  // An error is outdated once its field changes.
  edit(field) {
    const error = this.form.querySelector(`#${CSS.escape(field.name)}-error`);
    if (error) error.textContent = "";
    if (field.dataset.check) this.checkAlias(field);
    this.forgetVerdict();
    this.check();
  }

  // Says while it is typed why an alias can't be used.
  checkAlias(field) {
    clearTimeout(this.typing);
    this.typing = setTimeout(async () => {
      const typed = field.value;
      try {
        const answer = await fetch(`${field.dataset.check}?${new URLSearchParams({ alias: typed })}`);
        if (answer.ok && field.value === typed) this.form.querySelector("#alias-error").textContent = await answer.text();
      } catch {
        // Saving explains it, too.
      }
    }, PAUSE);
  }

  // The result of a test is outdated once the form changes.
  forgetVerdict() {
    this.form.querySelector("[data-test]").dispatchEvent(new Event("htmx:abort"));
    this.form.querySelector("#verdict").replaceChildren();
  }

  // Of file, text and fetched certificate, the last one chosen counts.
  choose(field) {
    if (field.name === "fetched") {
      this.form.elements.certificate.value = "";
      this.form.elements.certificate.dispatchEvent(new Event("change", { bubbles: true }));
      this.form.elements.pem.value = "";
    } else if (field.name === "certificate" && field.files.length) {
      for (const radio of this.form.querySelectorAll("[name=fetched]")) radio.checked = false;
    }
    this.forgetVerdict();
    this.check();
  }

  // Why Save is disabled, so that nobody has to guess.
  get missing() {
    const { alias, certificate, pem } = this.form.elements;
    const fetched = this.form.querySelector("[name=fetched]:checked");
    return [
      [alias.value.trim(), "an alias"],
      [this.form.querySelector("#endpoint").value, "an endpoint"],
      [certificate.files.length || pem.value.trim() || fetched, "a certificate"],
    ].flatMap(([present, name]) => (present ? [] : name));
  }

  // What the inspection depends on.
  get content() {
    const { certificate, pem, password } = this.form.elements;
    return [certificate.files[0], pem.value, password.value, this.form.querySelector("[name=fetched]:checked")?.value];
  }

  // Why the server would reject the file. The result of an inspection is outdated once the file or its password changes.
  get refusal() {
    const isCurrent = this.content.every((value, index) => value === this.inspected?.[index]);
    return (isCurrent && this.form.querySelector("[data-refusal]")?.dataset.refusal) || "";
  }

  check() {
    const { missing, refusal } = this;
    this.save.disabled = missing.length > 0 || refusal !== "" || this.sending;
    const hint = this.form.querySelector("[data-missing]");
    const request = missing.length ? `To save, add ${new Intl.ListFormat("en").format(missing)}.` : "";
    writeText(hint, [request, refusal].filter(Boolean).join(" "));
  }

  busy(sending) {
    this.sending = sending;
    this.save.toggleAttribute("aria-busy", sending);
    this.check();
    if (!sending) this.focusError();
  }

  // Only after the response to an upload: an alias is also checked while it is typed, which must not move the focus.
  focusError() {
    const wrong = [...this.form.querySelectorAll(".invalid-feedback")].find((error) => error.textContent.trim());
    if (wrong) this.form.querySelector(`#${wrong.id.replace("-error", "")}`).focus();
  }

  // The response to a rejected upload replaces only the error texts.
  mark() {
    // Only an encrypted file needs a password.
    if (this.form.querySelector("[data-locked]")) this.form.querySelector(".password-field").hidden = false;
    const wrong = [...this.form.querySelectorAll(".invalid-feedback")].filter((error) => error.textContent.trim());
    const messages = wrong.map((error) => error.id + error.textContent);
    // The inspection of the file has found the same error.
    const repeated = this.form.querySelector("#inspection > .finding");
    if (repeated && wrong.some((error) => error.id === "certificate-error")) repeated.hidden = true;
    if (messages.join() === this.messages.join()) return;
    this.messages = messages;
    for (const name of ["endpoint", "alias", "certificate"]) {
      const input = this.form.querySelector(`#${name}`);
      const refused = wrong.some((error) => error.id === `${name}-error`);
      input.setAttribute("aria-invalid", refused);
      (name === "certificate" ? input.closest(".drop-zone") : input).classList.toggle("is-invalid", refused);
    }
  }
});
