"""
Certificates that a backend presents in a handshake, or why there are none.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.certificates.certificate import Certificate
    from holdfast.certificates.certificate_list import CertificateList

MAX_BYTES = 100 * 1024  # of a handshake
MAX_CERTIFICATES = 20


class Obstacle(StrEnum):
    """Why a probe saw no certificates, in the order of progress: the last one got furthest."""

    DNS = "dns_failure"
    REFUSED = "connection_refused"
    TIMEOUT = "timeout"
    NOT_TLS = "not_tls"
    HANDSHAKE = "handshake_failed"


@dataclass(frozen=True, slots=True)
class FailedHandshake:
    """A probe that saw no certificates; *text* is the system's error, *address* is empty if there was no connection."""

    obstacle: Obstacle
    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Handshake:
    """A handshake with a backend; its certificates aren't read yet, so that another machine can read them."""

    address: str  # with port, IPv6 in brackets
    certificates: tuple[bytes, ...]  # DER, at most MAX_CERTIFICATES
    beyond: int  # further certificates, which were left out
    tls_version: str
    cipher: str
    alpn: str
    asks_for_certificate: bool
    end_reason: str

    def read(self) -> "Presentation":
        """Return what was presented. This takes time for large keys, so call it in a thread."""
        from holdfast.certificates.certificate_list import (
            read_presented,  # agents pass certificates on without reading them
        )

        return Presentation(
            address=self.address,
            certificates=replace(read_presented(self.certificates, MAX_CERTIFICATES), beyond=self.beyond),
            tls_version=self.tls_version,
            cipher=self.cipher,
            alpn=self.alpn,
            asks_for_certificate=self.asks_for_certificate,
            end_reason=self.end_reason,
        )


@dataclass(frozen=True, slots=True)
class Presentation:
    """The unverified certificates and connection properties that a backend presented."""

    address: str  # with port, IPv6 in brackets
    certificates: "CertificateList"
    tls_version: str  # such as TLSv1.3
    cipher: str
    alpn: str  # empty: no protocol was negotiated
    asks_for_certificate: bool
    end_reason: str  # how the backend ended the handshake or connection, in OpenSSL's words; empty: it didn't

    @property
    def chain(self) -> "tuple[Certificate, ...]":
        """The certificates in the order sent; empty if the backend's own can't be read."""
        return self.certificates.chain
