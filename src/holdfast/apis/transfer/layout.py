"""
The names of the parts of an archive, without `.yaml` or `.json`; the first of each is the one that Holdfast writes.
"""

DESCRIPTIONS = ("api", "Meta-information/api")
DEFINITIONS = ("Definitions/swagger", "Meta-information/swagger")
CERTIFICATES = ("Endpoint-certificates/endpoint_certificates", "Meta-information/endpoint_certificates")
CALLERS = (
    "Client-certificates/client_certificates",
    "Meta-information/client_certificates",
)
# The folders of WSO2 for caller certificates that only one environment accepts.
CALLERS_OF = {
    environment: (f"Client-certificates/{environment.upper()}/client_certificates",)
    for environment in ("production", "sandbox")
}
DEPLOYMENTS = ("deployment_environments",)
SOURCE = "SourceArchive.zip"
PARAMETERS = ("intermediate_params", "Deployment/intermediate_params")
IMAGE = "Image/icon"
DOCUMENTS = "Docs/"  # a folder for each document, with document.yaml and its content
DOCUMENT = "document"
CERTIFICATE_FOLDER = "Deployment/certificates/"  # of a deployment directory
