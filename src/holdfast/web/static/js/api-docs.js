// Shows the operations in /openapi.json, in the theme that theme.js chose.
const root = document.documentElement;
const follow = () => root.classList.toggle("dark-mode", root.dataset.bsTheme === "dark");
new MutationObserver(follow).observe(root, { attributeFilter: ["data-bs-theme"] });
follow();
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  // Of more than 100 operations, Swagger UI keeps only those in view in the page: begin with the tags, which all fit.
  docExpansion: "none",
  // Never send the description to an external validator.
  validatorUrl: null,
});
