"""
Settings -> what the publisher and the gateways present.
"""

from holdfast.network.addresses import Addresses
from holdfast.network.sockets import CannotStart, refuse_open_http
from holdfast.server.https import GatewayCertificate, PublisherCertificate
from holdfast.server.settings import Settings


def publisher_certificate(settings: Settings, publisher: Addresses) -> PublisherCertificate | None:
    """
    Read what the publisher presents, None if it speaks http on the *publisher* addresses.

    Raises CannotStart for settings, never for files.
    """
    if settings.tls_cert is None and settings.tls_key is None:
        refuse_open_http(publisher, allowed=settings.insecure_http)
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise CannotStart("--tls-cert and --tls-key belong together. Give both or none.")
    return PublisherCertificate(settings.tls_cert, settings.tls_key)


def gateway_certificate(settings: Settings) -> GatewayCertificate | None:
    """Read what gateways present, None if they speak only http. Raises CannotStart for settings, never for files."""
    files = (settings.gateway_tls_cert, settings.gateway_tls_key)
    listens = bool(settings.gateway_tls or settings.sandbox_tls)
    if not listens and files == (None, None):
        return None
    if not listens or settings.gateway_tls_cert is None or settings.gateway_tls_key is None:
        raise CannotStart(
            "--gateway-tls or --sandbox-tls, --gateway-tls-cert and --gateway-tls-key belong together. "
            "Give all or none."
        )
    return GatewayCertificate(settings.gateway_tls_cert, settings.gateway_tls_key)
