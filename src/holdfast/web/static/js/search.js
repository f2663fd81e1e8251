// The search dialog, a combobox (WAI-ARIA Authoring Practices): Ctrl-K opens it, arrow keys choose, Enter opens the page.
const dialog = document.getElementById("search");
const input = dialog?.querySelector("[role=combobox]");
const list = dialog?.querySelector("[role=listbox]");
const WAIT = 100; // milliseconds after the last key
let timer, request;
let shown; // the query of the results

const options = () => [...list.querySelectorAll("[role=option]:not([aria-disabled])")];
const chosen = () => list.querySelector("[aria-selected=true]");

const choose = (option) => {
  chosen()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
};

const ask = async () => {
  request?.abort();
  request = new AbortController();
  const { signal } = request;
  const query = input.value;
  try {
    const answer = await fetch(`/search?${new URLSearchParams({ query })}`, { headers: { "HX-Request": "true" }, signal });
    if (answer.status !== 200) return;
    list.innerHTML = await answer.text(); // rendered by the publisher, which escapes it
    shown = query;
    choose(options()[0]);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
};

const move = (step) => {
  const all = options();
  if (all.length) choose(all[(all.indexOf(chosen()) + step + all.length) % all.length]);
};

// The results may be those of fewer letters than were typed.
const go = async () => {
  clearTimeout(timer);
  if (shown !== input.value) await ask();
  chosen()?.click();
};

const open = () => {
  if (!dialog.open) dialog.showModal();
  input.select();
  ask();
};

if (dialog) {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    if (document.querySelector("dialog[open]:not(#search)")) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-search]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) move(step);
    else if (event.key === "Enter") go();
    else return;
    event.preventDefault();
  });
}
