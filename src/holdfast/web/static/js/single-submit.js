// A form is sent once: what it sends the second time would be outdated, or overwrite what the answer to the first warns of.
const PATIENCE = 10_000; // milliseconds; then, the user can send it again
let sentAt = -PATIENCE;

// The second click of a double click. The first may have been answered.
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest("button");
    if (event.detail > 1 && button?.type === "submit" && button.form?.method === "post") event.preventDefault();
  },
  { capture: true },
);

// A page that isn't answered yet. A dialog's form is sent by htmx, one request at a time.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.timeStamp - sentAt < PATIENCE) event.preventDefault();
  else sentAt = event.timeStamp;
});
window.addEventListener("pageshow", () => {
  sentAt = -PATIENCE;
});
