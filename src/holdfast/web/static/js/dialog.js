// Links load their content into one <dialog>. When it closes, the browser returns the focus to the link.
const dialog = document.getElementById("dialog");

const open = () => {
  if (!dialog.firstElementChild) return;
  if (!dialog.open) {
    dialog.showModal();
    dialog.scrollTop = 0; // the browser scrolls to what it focuses
  } else if (document.activeElement !== dialog && dialog.contains(document.activeElement)) return;
  // Not "As a command", which the browser would choose; Close is always visible, so nothing scrolls.
  dialog.querySelector("[autofocus]:not([disabled]), [data-dialog-close]")?.focus();
};

// On a small screen, an error or answer can be below the visible part of the dialog. The form focuses its field first.
const reveal = (changes) => {
  const elements = changes.flatMap(({ target, addedNodes }) => [target, ...addedNodes]);
  const news = elements.find((element) => element.matches?.("[role=alert], [data-answer]") && element.textContent.trim());
  if (news) requestAnimationFrame(() => news.scrollIntoView({ block: "nearest" }));
};

if (dialog) {
  new MutationObserver(open).observe(dialog, { childList: true });
  new MutationObserver(reveal).observe(dialog, { childList: true, subtree: true });
  dialog.addEventListener("close", () => dialog.replaceChildren());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-dialog-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  document.addEventListener("dialog-done", () => {
    if (dialog.open) return dialog.close();
    // The form is a separate page, opened in a tab: follow its link back.
    document.querySelector("main [data-dialog-close]")?.click();
  });
}
