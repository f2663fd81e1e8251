"""
Trust sets: everything that decides whether the gateway trusts a backend.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import combinations

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.identity import ReferenceIdentifier
from holdfast.certificates.revocation import RevocationList


class TlsVersion(IntEnum):
    """The TLS versions that gateways use with backends (RFC 5246, RFC 8446)."""

    TLS_1_2 = 12
    TLS_1_3 = 13

    def __str__(self) -> str:
        return f"TLS {self.value // 10}.{self.value % 10}"


@dataclass(frozen=True, slots=True)
class TrustSet:
    """
    The trust anchors of one origin (RFC 5280, section 6.1), the names that its backend must present, and further
    conditions.

    Without anchors, the public roots are used; verification is never skipped. Everything else adds a condition, except
    *unverified_until*, which turns verification off.
    """

    anchors: tuple[Certificate, ...]  # sorted by fingerprint, without duplicates
    reference: ReferenceIdentifier  # the host of the URL
    with_public_roots: bool = False  # trust the public roots in addition to the anchors
    names: tuple[ReferenceIdentifier, ...] = ()  # one of these must match; if empty, the reference
    any_name: bool = False  # skip the name check; requires certificate pins
    sni: str | None = None  # None: the reference, unless it is an IP address
    certificate_pins: tuple[str, ...] = ()  # SHA-256 of the DER, hex; one of these or of spki_pins must match
    spki_pins: tuple[str, ...] = ()  # SHA-256 of the SubjectPublicKeyInfo, hex
    revocation: tuple[RevocationList, ...] = ()
    revocation_of_path: bool = True  # check every certificate of the path, not only the backend's own
    tls_minimum: TlsVersion = TlsVersion.TLS_1_2
    tls_maximum: TlsVersion = TlsVersion.TLS_1_3
    unverified_until: datetime | None = None  # aware, UTC; the gateway accepts any certificate until then

    def __post_init__(self) -> None:
        if self.any_name and not self.certificate_pins:
            raise ValueError("Skipping the name check requires a certificate pin.")
        if self.tls_minimum > self.tls_maximum:
            raise ValueError("The minimum TLS version is above the maximum. Lower it, or raise the maximum.")

    @property
    def accepted_names(self) -> tuple[ReferenceIdentifier, ...]:
        """The names of which the backend must present one; empty only if certificate pins replace the name check."""
        return () if self.any_name else self.names or (self.reference,)

    @property
    def server_name(self) -> str:
        """The SNI that the gateway sends (RFC 6066, section 3); empty if it sends none."""
        if self.sni is not None:
            return self.sni
        return "" if self.reference.is_ip else self.reference.value

    @property
    def public_roots(self) -> bool:
        """Whether the public CAs are trusted."""
        return self.with_public_roots or not self.anchors

    @property
    def anchors_hash(self) -> str:
        """
        The SHA-256 of anchors and CRLs, lower-case hex; equal sets have equal hashes.

        The hash of anchors without CRLs must never change, so that upgrading Holdfast changes nothing at the gateways.
        """
        lines = [certificate.fingerprint for certificate in self.anchors]
        lines += ["public roots"] if self.with_public_roots and self.anchors else []
        lines += [f"crl {crl.fingerprint}" for crl in self.revocation]
        lines += ["leaf only"] if self.revocation and not self.revocation_of_path else []
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def deduplicate(anchors: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Return the distinct *anchors*, sorted by fingerprint."""
    by_fingerprint = {certificate.fingerprint: certificate for certificate in anchors}
    return tuple(by_fingerprint[fingerprint] for fingerprint in sorted(by_fingerprint))


def find_indistinguishable(certificates: Iterable[Certificate]) -> list[tuple[Certificate, Certificate]]:
    """
    Return the pairs of certificates of which a gateway would trust only one.

    Envoy's TLS library finds an issuer by its subject and uses the first match; only key identifiers (RFC 5280,
    sections 4.2.1.1 and 4.2.1.2) distinguish two certificates with the same subject. Certificates issued by a CA with a
    key identifier are assumed to contain it, as section 4.2.1.1 requires. Measured on Envoy 1.40
    (tests/envoy/test_same_names.py).
    """
    by_subject: dict[str, list[Certificate]] = defaultdict(list)
    for certificate in {certificate.fingerprint: certificate for certificate in certificates}.values():
        by_subject[certificate.subject].append(certificate)
    return [pair for namesakes in by_subject.values() for pair in combinations(namesakes, 2) if _collide(*pair)]


def could_have_issued(candidate: Certificate, certificate: Certificate) -> bool:
    """Return whether the key identifiers allow *candidate* to be the issuer of *certificate*; ignores names."""
    authority_id, subject_id = certificate.authority_key_identifier, candidate.subject_key_identifier
    return not authority_id or not subject_id or authority_id == subject_id


def _collide(certificate: Certificate, other: Certificate) -> bool:
    if (
        certificate.is_ca
        and other.is_ca
        and certificate.spki_fingerprint
        and certificate.spki_fingerprint == other.spki_fingerprint
    ):
        return False  # a CA renewed with the same key: either one verifies what it signed
    return _may_be_mistaken(certificate, other) or _may_be_mistaken(other, certificate)


def _may_be_mistaken(certificate: Certificate, other: Certificate) -> bool:
    """Return whether a gateway that needs *certificate* may use *other*, which has the same subject."""
    if certificate.is_ca and not _have_different_keys(certificate, other):
        return True
    # For a self-signed certificate that a backend presents, the gateway looks up its issuer, which is the certificate
    # itself. A root names no hosts.
    is_presented = certificate.is_self_issued and (not certificate.is_ca or bool(certificate.subject_alt_names))
    return is_presented and could_have_issued(other, certificate)


def _have_different_keys(certificate: Certificate, other: Certificate) -> bool:
    identifiers = (certificate.subject_key_identifier, other.subject_key_identifier)
    return all(identifiers) and identifiers[0] != identifiers[1]
