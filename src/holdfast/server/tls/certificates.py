"""
The certificates that the settings configure for the publisher and the gateways.
"""

from holdfast.network.addresses import Addresses
from holdfast.network.presented_files import GatewayCertificate
from holdfast.network.sockets import CannotStart, refuse_open_http
from holdfast.server.clock import utc_now
from holdfast.server.settings import Settings
from holdfast.server.tls.publisher_certificate import PublisherCertificate


def open_publisher_certificate(settings: Settings, publisher: Addresses) -> PublisherCertificate | None:
    """
    Return the publisher's certificate, None if it uses http on the *publisher* addresses.

    Raises CannotStart for invalid settings, but never for the content of files.
    """
    if settings.tls_cert is None and settings.tls_key is None:
        refuse_open_http(publisher, allowed=settings.insecure_http)
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise CannotStart("--tls-cert and --tls-key belong together. Set both or neither.")
    return PublisherCertificate(settings.tls_cert, settings.tls_key, utc_now)


def open_gateway_certificate(settings: Settings) -> GatewayCertificate | None:
    """Return the gateways' certificate, None if they use only http. Raises CannotStart for invalid settings."""
    files = (settings.gateway_tls_cert, settings.gateway_tls_key)
    listens = bool(settings.gateway_tls or settings.sandbox_tls)
    if not listens and files == (None, None):
        return None
    if not listens or settings.gateway_tls_cert is None or settings.gateway_tls_key is None:
        raise CannotStart(
            "--gateway-tls or --sandbox-tls, --gateway-tls-cert and --gateway-tls-key belong together. "
            "Set all or none of them."
        )
    return GatewayCertificate(settings.gateway_tls_cert, settings.gateway_tls_key, utc_now)
