// <certificate-drop> makes its file input a drop zone, which also accepts pasted PEM text.
customElements.define("certificate-drop", class extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input[type=file]");
    this.zone = this.querySelector(".drop-zone");
    this.text = this.querySelector(".drop-text");
    this.prompt = this.text.textContent;
    this.input.addEventListener("change", () => this.show());
    this.addEventListener("dragover", (event) => this.hover(event, true));
    this.addEventListener("dragleave", (event) => this.hover(event, false));
    this.addEventListener("drop", (event) => this.drop(event));
    this.zone.addEventListener("paste", (event) => this.paste(event));
  }

  hover(event, over) {
    event.preventDefault();
    this.zone.classList.toggle("drag-over", over);
  }

  drop(event) {
    this.hover(event, false);
    if (event.dataTransfer.files.length) this.take(event.dataTransfer.files);
  }

  paste(event) {
    const text = event.clipboardData.getData("text/plain");
    if (event.clipboardData.files.length) return this.take(event.clipboardData.files);
    const pasted = new DataTransfer();
    if (text) pasted.items.add(new File([text], "pasted.pem"));
    if (text) this.take(pasted.files);
  }

  take(files) {
    if (files.length > 1) return this.refuse(`You dropped ${files.length} files. Drop one: a PEM file can hold several certificates.`);
    const one = new DataTransfer();
    one.items.add(files[0]);
    this.input.files = one.files;
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  refuse(why) {
    this.querySelector(".invalid-feedback").textContent = why;
  }

  show() {
    const file = this.input.files[0];
    this.zone.classList.toggle("has-file", Boolean(file));
    this.text.textContent = file ? `${file.name} (${Math.max(1, Math.round(file.size / 1024))} KiB)` : this.prompt;
  }
});
