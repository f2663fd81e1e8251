// Browsers ask before they leave a page with changed input. The entity tag isn't input.
const isInput = ([name, value]) => name !== "if_match" && !(value instanceof File);
const serialize = (form) => new URLSearchParams([...new FormData(form)].filter(isInput)).toString();
const forms = [...document.querySelectorAll(".page-main form[method=post]")];
const before = new Map();
let sending = false;

const remember = () => forms.forEach((form) => before.set(form, serialize(form)));
remember();
// A certificate for an endpoint that wasn't saved saves the endpoint, too.
document.addEventListener("endpoint-saved", remember);

// What a form sends isn't lost. A dialog's form is sent by htmx, which doesn't leave the page.
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) sending = true;
});
window.addEventListener("pageshow", () => {
  sending = false;
});
window.addEventListener("beforeunload", (event) => {
  if (!navigator.userActivation.hasBeenActive) return; // browsers don't ask then, and warn
  if (!sending && forms.some((form) => form.isConnected && serialize(form) !== before.get(form))) event.preventDefault();
});
