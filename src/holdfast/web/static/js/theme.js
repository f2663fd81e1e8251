// Runs before the page is painted, so that a dark page never flashes white.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = localStorage.getItem("theme") ?? (system.matches ? "dark" : "light");
    const root = document.documentElement;
    root.dataset.switching = ""; // no transitions, which would keep colors light for a moment
    root.dataset.bsTheme = theme;
    document.body?.offsetHeight; // force layout now, so that nothing is left to animate
    delete root.dataset.switching;
  };
  apply();
  system.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const dark = document.documentElement.dataset.bsTheme === "dark";
    localStorage.setItem("theme", dark ? "light" : "dark");
    apply();
  });
})();
