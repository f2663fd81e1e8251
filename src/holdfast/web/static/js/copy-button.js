// <copy-button for="id"> copies the text of an element.
customElements.define("copy-button", class extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(this.getAttribute("for")).textContent);
      const copied = document.createElement("p");
      copied.className = "notice";
      copied.textContent = "Copied";
      document.getElementById("notice").replaceChildren(copied);
    });
  }
});
