// Shows the operations of the REST API, as its own description has them.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  docExpansion: "list",
  // No code is fetched from, and nothing is told to, a foreign host.
  validatorUrl: null,
});
