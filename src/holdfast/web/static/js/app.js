import "./certificate-drop.js";
import "./checked-form.js";
import "./copy-button.js";
import "./dialog.js";
import "./live-list.js";
import "./live-status.js";
import "./local-time.js";
import "./member-rows.js";
import "./search.js";
import "./single-submit.js";
import "./unsaved-input.js";
import "./upload-form.js";

// htmx begins in a later task, which can be after the first frame. It skips what it has processed.
window.htmx.process(document.body);

// The address of a page that shows what was done isn't that of the message, which is shown once.
const address = new URL(location.href);
if (address.searchParams.has("done")) {
  address.searchParams.delete("done");
  history.replaceState(history.state, "", address);
}

// After a rejected form, the first field with an error has the focus.
document.querySelector("main :is(input, select, textarea).is-invalid")?.focus();

// On a narrow screen, the current tab may be outside of the row of tabs.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Links with the role of a button also react to the space bar.
document.addEventListener("keydown", (event) => {
  const link = event.target.closest?.("a[role=button]");
  if (!link || event.key !== " ") return;
  event.preventDefault();
  link.click();
});

// A filter applies as soon as something is chosen. What isn't chosen stays out of the address.
for (const form of document.querySelectorAll("form[data-submit]")) {
  form.addEventListener("change", () => form.requestSubmit());
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (!value) formData.delete(name);
  });
}

// Of the hints of a choice, only that of the chosen option is shown.
for (const hints of document.querySelectorAll("[data-hints-of]")) {
  const choice = document.getElementById(hints.dataset.hintsOf);
  const follow = () => {
    for (const hint of hints.children) hint.hidden = hint.dataset.option !== choice.value;
  };
  follow();
  choice.addEventListener("change", follow);
}

// An endpoint's URL field, Check button and settings are enabled only while its box is checked. Checking it focuses the URL.
for (const box of document.querySelectorAll("[data-enables]")) {
  const input = document.getElementById(box.dataset.enables);
  const button = input.parentElement.querySelector("button:not([aria-disabled])");
  const settings = box.closest("fieldset")?.querySelector(".connection");
  const warning = document.querySelector(`[data-plain="${box.dataset.enables}"]`);
  const query = document.querySelector(`[data-query="${box.dataset.enables}"]`);
  const notify = () => {
    warning?.toggleAttribute("hidden", !box.checked || !/^\s*(http|ws):/i.test(input.value));
    query?.toggleAttribute("hidden", !box.checked || !input.value.includes("?"));
  };
  const follow = () => {
    for (const control of [input, button]) control?.toggleAttribute("disabled", !box.checked);
    settings?.toggleAttribute("hidden", !box.checked);
    notify();
  };
  follow();
  box.addEventListener("change", () => {
    follow();
    if (box.checked) input.focus();
  });
  // The result of a check is outdated once the URL changes.
  input.addEventListener("input", () => {
    document.getElementById(`${input.id}-answer`).replaceChildren();
    notify();
  });
}
