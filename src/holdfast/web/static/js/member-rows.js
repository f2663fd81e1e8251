// <member-rows> adds, moves and removes rows of a group's endpoints. The first one stays, because its URL is elsewhere.
customElements.define("member-rows", class extends HTMLElement {
  connectedCallback() {
    this.rows = this.querySelector(".members");
    this.addEventListener("click", (event) => {
      const button = event.target.closest("[data-row]:not([aria-disabled])");
      if (button) this[button.dataset.row](button.closest(".member"));
    });
    // Health and checks are those of the saved URL.
    this.addEventListener("input", ({ target }) => {
      if (target.type === "url") target.closest(".member").classList.toggle("is-changed", target.value !== target.defaultValue);
    });
  }

  add() {
    this.rows.append(this.querySelector("template").content.cloneNode(true));
    this.number();
    this.rows.querySelector(".member:last-of-type [type=url]").focus();
  }

  remove(row) {
    const next = row.nextElementSibling?.querySelector("[data-row=remove]");
    row.remove();
    this.number();
    (next ?? this.querySelector("[data-row=add]")).focus();
  }

  up(row) {
    if (row.previousElementSibling.querySelector("[type=url]")) row.previousElementSibling.before(row);
    this.number();
    row.querySelector("[data-row=up]").focus();
  }

  number() {
    this.querySelectorAll(".member").forEach((row, index) => {
      row.setAttribute("aria-label", `${this.dataset.name} endpoint ${index + 1}`);
    });
  }
});
