// Links load their content into one <dialog>. One rule for all: the title gets the focus, so that screen readers begin
// there and nothing scrolls; answers scroll into view; changed input isn't discarded without a question; and after the
// row of the opener was replaced or deleted, its successor gets the focus.
const dialog = document.getElementById("dialog");
const question = document.getElementById("discard");
let typed = ""; // the form as it was opened
let opener; // the link, and where its row is
let isPressed = false; // the opener was, and its dialog hasn't been opened yet

const serialize = () =>
  [...dialog.querySelectorAll("form")]
    .flatMap((form) => [...new FormData(form)])
    .map(([name, value]) => `${name}=${value instanceof File ? `${value.name} ${value.size}` : value}`)
    .join("\n");

// A row of a table may contain lists, and a certificate may have several rows, for example with an offer to pin it.
const rowOf = (element) => element?.closest(".certificate-row") ?? element?.closest("tr") ?? element?.closest("li");
const rowsOf = (list) =>
  [...(list?.querySelectorAll("li, tbody tr, .certificate-row") ?? [])].filter(
    (row) => rowOf(row) === row && row.querySelector("a[href], button"),
  );

const remember = (link) => {
  const row = rowOf(link);
  const list = row?.closest("[id]:not(li, tr)");
  opener = { link, list: list?.id, index: row ? rowsOf(list).indexOf(row) : -1, section: link.closest("section") };
};

const open = () => {
  if (!dialog.firstElementChild) return;
  if (!dialog.open) {
    if (!isPressed) remember(document.activeElement);
    isPressed = false;
    dialog.showModal();
  }
  dialog.querySelector("#dialog-title").focus();
  dialog.scrollTop = 0;
  typed = serialize();
};

// Until the answer arrives, a list that is polled may have replaced the row of the link.
const press = ({ target }) => {
  const link = target.closest("a[href], button");
  if (dialog.open || !link?.closest("[hx-target='#dialog']")) return;
  remember(link);
  isPressed = true;
};

const close = () => {
  if (serialize() === typed) return dialog.close();
  question.showModal();
};

// On a small screen, an error or answer can be below the visible part of the dialog. The form focuses its field first;
// an error about the whole form gets the focus itself.
const reveal = (changes) => {
  const elements = changes.flatMap(({ target, addedNodes }) => [target, ...addedNodes]);
  const news = elements.find((element) => element.matches?.("[role=alert], [data-answer]") && element.textContent.trim());
  if (news?.matches("[tabindex]")) news.focus({ preventScroll: true });
  if (news) requestAnimationFrame(() => news.scrollIntoView({ block: "nearest" }));
};

// The browser returns the focus to the link, unless the link is gone: then to the same link in the new list, or else to
// the row that is now in its place.
const restoreFocus = () => {
  if (!opener || opener.link.isConnected || document.activeElement !== document.body) return;
  const { link, list: id, index } = opener;
  const list = id && document.getElementById(id);
  const same = [...(list?.querySelectorAll("a[href]") ?? [])].find((each) => each.href === link.href);
  const rows = rowsOf(list);
  const own = list?.closest("section") ?? opener.section;
  const section = own?.isConnected ? own : document.getElementById("main");
  const next = same ?? (rows[index] ?? rows.at(-1) ?? section).querySelector("a[href], button:not([disabled])");
  (next ?? document.getElementById("main")).focus();
};

// What gateways say about the rows arrives later, and can make all of them higher. Input ends it: it may be a scroll.
const showNewRow = () => {
  const resizes = new ResizeObserver(() => document.querySelector("[data-new]")?.scrollIntoView({ block: "center" }));
  resizes.observe(document.getElementById("main"));
  for (const input of ["keydown", "pointerdown", "wheel"]) {
    document.addEventListener(input, () => resizes.disconnect(), { once: true, passive: true });
  }
};

if (dialog) {
  new MutationObserver(open).observe(dialog, { childList: true });
  new MutationObserver(reveal).observe(dialog, { childList: true, subtree: true });
  new MutationObserver(restoreFocus).observe(document.getElementById("main"), { childList: true, subtree: true });
  document.addEventListener("click", press, { capture: true });
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    restoreFocus();
  });
  dialog.addEventListener("cancel", (event) => {
    if (event.target !== dialog || serialize() === typed) return;
    event.preventDefault();
    question.showModal();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target !== dialog && !event.target.closest("[data-dialog-close]")) return;
    event.preventDefault();
    close();
  });
  question.addEventListener("close", () => question.returnValue === "discard" && dialog.close());
  document.addEventListener("dialog-done", () => {
    if (dialog.open) {
      dialog.close(); // it returns the focus first
      return showNewRow();
    }
    // The form is a separate page, opened in a tab: follow its link back.
    document.querySelector("main [data-dialog-close]")?.click();
  });
  open(); // a link was pressed before this script was loaded
}
