"""
The texts that WSO2's instructions, scripts and clients depend on, kept here only; names in braces are replaced.

Sources: WSO2's page "Manage Endpoint Certificates", its publisher portal, and error responses that its clients search.
"""

# Pages
SIGN_IN = "Sign in to the API Publisher"
PRODUCTION_ENDPOINT = "Production Endpoint"
SANDBOX_ENDPOINT = "Sandbox Endpoint"
HTTP_REST_ENDPOINT = "HTTP/REST Endpoint"
HTTP_SOAP_ENDPOINT = "HTTP/SOAP Endpoint"
PROTOTYPE_ENDPOINT = "Prototype Endpoint"
GENERAL_ENDPOINT_CONFIGURATIONS = "General Endpoint Configurations"
ENDPOINT_SECURITY = "Endpoint Security: {kinds}"
CERTIFICATE_COUNT = "Certificates: {count}"
LOAD_BALANCE_AND_FAILOVER = "Load balance and Failover Configurations"
NOT_CONFIGURED = "Not Configured"
ADD_CERTIFICATE = "Add Certificate"
UPLOAD_CERTIFICATE = "Upload Certificate"
REPLACE_CERTIFICATE = "Replace Certificate"
DROP_CERTIFICATE = "Click or drag the certificate file to upload."
DETAILS_OF = "Details of {alias}"
CONFIRM_DELETION = "Are you sure you want to delete {name}?"
DELETE_WITH_CAUTION = "Delete with caution! {alias} is used by {count} APIs."

# REST
CERTIFICATE_EXPIRED = "Certificate Expired."
MUTUAL_SSL_UNSUPPORTED = "The server is not configured to support mutual SSL authentication"
MAX_REVISIONS_REACHED = "Maximum number of revisions per API has reached"
ALREADY_EXISTS = "already exists"
