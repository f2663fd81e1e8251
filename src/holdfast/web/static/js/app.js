import "./certificate-drop.js";
import "./checked-form.js";
import "./copy-button.js";
import "./dialog.js";
import "./live-list.js";
import "./live-status.js";
import "./local-time.js";
import "./upload-form.js";

// Links with the role of a button also react to the space bar.
document.addEventListener("keydown", (event) => {
  const link = event.target.closest?.("a[role=button]");
  if (!link || event.key !== " ") return;
  event.preventDefault();
  link.click();
});

// An endpoint's URL field, Check button and settings are enabled only while its box is checked. Checking it focuses the URL.
for (const box of document.querySelectorAll("[data-enables]")) {
  const input = document.getElementById(box.dataset.enables);
  const button = input.parentElement.querySelector("button:not([aria-disabled])");
  const settings = box.closest("fieldset")?.querySelector(".connection");
  const follow = () => {
    for (const control of [input, button]) control?.toggleAttribute("disabled", !box.checked);
    settings?.toggleAttribute("hidden", !box.checked);
  };
  follow();
  box.addEventListener("change", () => {
    follow();
    if (box.checked) input.focus();
  });
  // The result of a check is outdated once the URL changes.
  input.addEventListener("input", () => document.getElementById(`${input.id}-answer`).replaceChildren());
}
