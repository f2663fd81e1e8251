// One <dialog> shows what links fetch into it. The browser gives the focus back to the link when it closes.
const dialog = document.getElementById("dialog");

const open = () => {
  if (!dialog.firstElementChild) return;
  if (!dialog.open) dialog.showModal();
  else if (document.activeElement !== dialog && dialog.contains(document.activeElement)) return;
  dialog.querySelector("[autofocus]:not([disabled])")?.focus();
};

if (dialog) {
  new MutationObserver(open).observe(dialog, { childList: true });
  dialog.addEventListener("close", () => dialog.replaceChildren());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-dialog-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  document.addEventListener("dialog-done", () => {
    if (dialog.open) return dialog.close();
    // The form was a page of its own, opened in a tab: go where it leads back to.
    document.querySelector("main [data-dialog-close]")?.click();
  });
}
