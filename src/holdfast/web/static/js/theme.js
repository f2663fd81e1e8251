// Runs before the page is painted, so that a dark page never flashes white.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = localStorage.getItem("theme") ?? (system.matches ? "dark" : "light");
    const root = document.documentElement;
    root.dataset.switching = ""; // without transitions: what was light would stay so for a moment
    root.dataset.bsTheme = theme;
    document.body?.offsetHeight; // lay out now, so that there is nothing left to animate
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
