"""
The finding about a certificate for an endpoint that no API has.
"""

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.finding import Code, Finding, Severity


def report_unused(certificate: Certificate, origin: str) -> Finding:
    """Return the finding for *certificate*, which no gateway uses, because no API has an endpoint at *origin*."""
    message = f"No API has an endpoint at {origin}. Gateways trust the certificate there once a published API has one."
    remedy = "Add the endpoint to an API, or check the URL."
    return Finding(Code.ENDPOINT_UNUSED, Severity.INFO, message, remedy, certificate.fingerprint)
