"""
Trust sets: all that decides whether a backend is believed.
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
    """The versions of TLS that gateways speak to backends (RFC 5246, RFC 8446)."""

    TLS_1_2 = 12
    TLS_1_3 = 13

    def __str__(self) -> str:
        return f"TLS {self.value // 10}.{self.value % 10}"


@dataclass(frozen=True, slots=True)
class TrustSet:
    """
    The trust anchors (RFC 5280, section 6.1) of one origin, the name that its backend must present, and what is asked
    beside.

    No anchors means the public roots, never no verification. Everything else adds a condition, but for *unverified*.
    """

    anchors: tuple[Certificate, ...]  # by fingerprint, each once
    reference: ReferenceIdentifier  # the host of the URL
    with_public_roots: bool = False  # the public roots beside the anchors
    names: tuple[ReferenceIdentifier, ...] = ()  # given by hand, one of which is enough; none: the reference
    any_name: bool = False  # no name is looked at; only together with certificate pins
    sni: str | None = None  # None: the reference, if it is no address
    certificate_pins: tuple[str, ...] = ()  # SHA-256 of the DER, hex; one of them or of the key pins is enough
    spki_pins: tuple[str, ...] = ()  # SHA-256 of the SubjectPublicKeyInfo, hex
    revocation: tuple[RevocationList, ...] = ()
    revocation_of_path: bool = True  # every certificate of the path, not the backend's own alone
    tls_minimum: TlsVersion = TlsVersion.TLS_1_2
    tls_maximum: TlsVersion = TlsVersion.TLS_1_3
    unverified_until: datetime | None = None  # aware, UTC: until then every certificate is accepted

    def __post_init__(self) -> None:
        if self.any_name and not self.certificate_pins:
            raise ValueError("Without a name check there must be a certificate pin.")
        if self.tls_minimum > self.tls_maximum:
            raise ValueError("The least TLS version is above the highest.")

    @property
    def accepted_names(self) -> tuple[ReferenceIdentifier, ...]:
        """The names of which the backend must present one; empty only where certificate pins stand for them."""
        return () if self.any_name else self.names or (self.reference,)

    @property
    def server_name(self) -> str:
        """What the gateway asks the backend for (SNI, RFC 6066, section 3); empty: nothing is said."""
        if self.sni is not None:
            return self.sni
        return "" if self.reference.is_ip else self.reference.value

    @property
    def public_roots(self) -> bool:
        """Whether the public certification authorities are believed."""
        return self.with_public_roots or not self.anchors

    @property
    def anchors_hash(self) -> str:
        """
        SHA-256 over anchors and CRLs, lower-case hex; the same for the same set in any order.

        Anchors alone are hashed as they always were, so that a new version of Holdfast changes nothing at the gateways.
        """
        lines = [certificate.fingerprint for certificate in self.anchors]
        lines += ["public roots"] if self.with_public_roots and self.anchors else []
        lines += [f"crl {crl.fingerprint}" for crl in self.revocation]
        lines += ["leaf only"] if self.revocation and not self.revocation_of_path else []
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def deduplicate(anchors: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Put each of *anchors* once, by fingerprint."""
    by_fingerprint = {certificate.fingerprint: certificate for certificate in anchors}
    return tuple(by_fingerprint[fingerprint] for fingerprint in sorted(by_fingerprint))


def find_indistinguishable(certificates: Iterable[Certificate]) -> list[tuple[Certificate, Certificate]]:
    """
    Find the pairs of which a gateway would believe only one.

    Envoy's TLS library looks for an issuer by its subject and takes the first that fits; only key identifiers
    (RFC 5280, sections 4.2.1.1 and 4.2.1.2) tell two certificates of one subject apart. What a CA with a key identifier
    issued is taken to name it, as section 4.2.1.1 requires. Measured on Envoy 1.40 (tests/envoy/test_same_names.py).
    """
    by_subject: dict[str, list[Certificate]] = defaultdict(list)
    for certificate in {certificate.fingerprint: certificate for certificate in certificates}.values():
        by_subject[certificate.subject].append(certificate)
    return [pair for same in by_subject.values() for pair in combinations(same, 2) if _collide(*pair)]


def could_have_issued(candidate: Certificate, certificate: Certificate) -> bool:
    """Say whether the key identifiers let *candidate* be the issuer of *certificate*; names are not compared."""
    wanted, offered = certificate.authority_key_identifier, candidate.subject_key_identifier
    return not wanted or not offered or wanted == offered


def _collide(one: Certificate, other: Certificate) -> bool:
    if one.is_ca and other.is_ca and one.spki_fingerprint and one.spki_fingerprint == other.spki_fingerprint:
        return False  # a CA renewed with its key: what it signed is believed by either
    return _may_be_mistaken(one, other) or _may_be_mistaken(other, one)


def _may_be_mistaken(certificate: Certificate, other: Certificate) -> bool:
    """Say whether a gateway that looks for *certificate* may take *other*, which has the same subject."""
    if certificate.is_ca and not _have_different_keys(certificate, other):
        return True
    # A self-signed certificate that a backend presents is looked for as its own issuer. A root names no hosts.
    is_presented = certificate.is_self_issued and (not certificate.is_ca or bool(certificate.subject_alt_names))
    return is_presented and could_have_issued(other, certificate)


def _have_different_keys(one: Certificate, other: Certificate) -> bool:
    identifiers = (one.subject_key_identifier, other.subject_key_identifier)
    return all(identifiers) and identifiers[0] != identifiers[1]
