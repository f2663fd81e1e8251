"""
Mutual TLS between publisher and gateways, with certificates of the gateways' own CA.

The commands restrict gRPC to TLS 1.3 before they import it (`cli/server/up.py`), and `admission.py` checks it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import grpc


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, its certificate, and the CA that the other side must belong to; all in PEM."""

    key: str = field(repr=False)
    certificate: str
    authority: str


def make_server_credentials(current: Callable[[], Credential]) -> grpc.ServerCredentials:
    """
    Return credentials of a server that verifies clients; *current* is called for each handshake, in another thread.

    They are for one port only.
    """
    last: list[Credential] = [current()]

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        credential = current()
        if credential is last[0]:
            return None
        last[0] = credential
        return _make_configuration(credential)

    return grpc.dynamic_ssl_server_credentials(
        _make_configuration(last[0]),
        fetch,  # type: ignore[arg-type]  # the stubs don't know that None means "unchanged"
        require_client_authentication=True,
    )


def make_channel_credentials(credential: Credential) -> grpc.ChannelCredentials:
    """Return credentials of a client."""
    return grpc.ssl_channel_credentials(
        credential.authority.encode(), credential.key.encode(), credential.certificate.encode()
    )


def _make_configuration(credential: Credential) -> grpc.ServerCertificateConfiguration:
    pair = (credential.key.encode(), credential.certificate.encode())
    return grpc.ssl_server_certificate_configuration([pair], credential.authority.encode())
