// Shows the operations in /openapi.json.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  docExpansion: "list",
  // Never send the description to an external validator.
  validatorUrl: null,
});
