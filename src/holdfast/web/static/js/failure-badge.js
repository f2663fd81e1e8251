// The number of failing backends in the navigation, which pages that are live keep current.
const badge = document.querySelector("[data-badge=failures]");

export const showFailing = (number) => {
  if (!badge || number === undefined) return;
  const text = Number(number).toLocaleString("en");
  if (badge.textContent !== text) badge.textContent = text;
  badge.hidden = text === "0";
};
