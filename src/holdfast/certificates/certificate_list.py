"""
The certificates that a backend sent: those that can be read, and what is wrong with the others. Pure.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.choices import ChainRole, get_role
from holdfast.certificates.extensions import name_extension
from holdfast.certificates.formats.der import NotDer

_PLACE = re.compile(r'"\w+::(\w+)"')
_KINDS = {
    "ShortData": "it ends too early",
    "ExtraData": "there is data after its end",
    "UnexpectedTag": "it doesn't begin like a certificate",
}


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """A certificate that can't be read; *why* completes the sentence "It can't be read: "."""

    position: int  # in the order sent, from 1
    fingerprint: str  # SHA-256 of the bytes, lower-case hex
    size: int  # bytes
    why: str


@dataclass(frozen=True, slots=True)
class CertificateList:
    """
    The certificates that were sent, in order.

    *chain* begins with the backend's own certificate. If that can't be read, *chain* is empty and the readable
    certificates are in *above*.
    """

    chain: tuple[Certificate, ...] = ()
    above: tuple[Certificate, ...] = ()
    unreadable: tuple[UnreadableEntry, ...] = ()
    beyond: int = 0  # certificates that exceed the limit and weren't read

    @property
    def count(self) -> int:
        """The number of certificates sent."""
        return len(self.chain) + len(self.above) + len(self.unreadable) + self.beyond

    @property
    def with_roles(self) -> tuple[tuple[Certificate, ChainRole], ...]:
        """The readable certificates with their roles."""
        if self.chain:
            return tuple(
                (certificate, get_role(self.chain, position)) for position, certificate in enumerate(self.chain)
            )
        return tuple(
            (certificate, ChainRole.ROOT if certificate.is_self_issued else ChainRole.INTERMEDIATE)
            for certificate in self.above
        )


def read_presented(ders: Sequence[bytes], limit: int) -> CertificateList:
    """Read at most *limit* certificates of *ders*."""
    readable: list[Certificate] = []
    unreadable: list[UnreadableEntry] = []
    for position, data in enumerate(ders[:limit], start=1):
        try:
            readable.append(read_certificate(data))
        except ValueError as error:
            unreadable.append(
                UnreadableEntry(position, hashlib.sha256(data).hexdigest(), len(data), explain_error(error))
            )
    certificates = tuple(readable)
    lacks_own = bool(unreadable) and unreadable[0].position == 1
    return CertificateList(
        () if lacks_own else certificates,
        certificates if lacks_own else (),
        tuple(unreadable),
        max(len(ders) - limit, 0),
    )


def explain_error(error: ValueError) -> str:
    """Return why `read_certificate` raised *error*, as part of a sentence."""
    cause = error.__cause__
    if isinstance(error, NotDer):
        return str(error)
    if isinstance(cause, x509.DuplicateExtension):
        return f"it has the extension {name_extension(cause.oid.dotted_string)} twice"
    if isinstance(cause, x509.InvalidVersion):
        return f"it has version {cause.parsed_version + 1}, but X.509 has only versions 1 to 3"
    if places := _PLACE.findall(str(error)):
        return f"its {' '.join(places[1:]).replace('_', ' ') or 'content'} is damaged"
    kind = next((words for name, words in _KINDS.items() if name in str(error)), None)
    return kind or "its content isn't an X.509 certificate"
