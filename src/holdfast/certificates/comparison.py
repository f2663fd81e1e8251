"""
What a backend presented beside what is trusted: which field differs, and how. It says why, and never verifies.

    found = compare(chain, trust, now)
    found.code                  # "hostname_mismatch"
    found.difference.presented  # "other.test"
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import AuthorityInformationAccessOID

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.identity import presents
from holdfast.certificates.trust import TrustSet

SHOWN = 5  # names or anchors in one text
MAX_TEXT = 1000  # characters; subjects are what backends say
PUBLIC = "a public certification authority"


@dataclass(frozen=True, slots=True)
class Difference:
    """The field of a certificate (RFC 5280's name for it) that differs, with both values as people read them."""

    field: str
    expected: str
    presented: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a chain is refused: *code* is one of the causes in docs/trust.md."""

    code: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class _Presented:
    """The chain as it was sent, the path from its leaf as far as it leads, and whether that ends in an anchor."""

    path: tuple[Certificate, ...]  # the leaf first; with the anchor when it is found
    sent: int
    anchors: tuple[Certificate, ...]
    is_anchored: bool

    @property
    def leaf(self) -> Certificate:
        return self.path[0]

    @property
    def top(self) -> Certificate:
        return self.path[-1]


def compare(
    chain: Sequence[Certificate], trust: TrustSet, now: datetime, public_roots: Sequence[Certificate] = ()
) -> Mismatch | None:
    """
    Find the first thing for which a gateway refuses *chain*, the backend's own certificate first; None when it is fine.

    *public_roots* stand in where *trust* has no anchors. The order is that of a gateway: the path, its validity,
    revocation, names, pins.

    Raises:
        ValueError: The chain is empty.
    """
    if not chain:
        raise ValueError("A backend that speaks TLS presents at least one certificate.")
    presented = _follow(chain, trust.anchors or tuple(public_roots))
    return next(filter(None, (check(presented, trust, now) for check in _CHECKS)), None)


def _follow(chain: Sequence[Certificate], anchors: tuple[Certificate, ...]) -> _Presented:
    fingerprints = {anchor.fingerprint for anchor in anchors}
    path = [chain[0]]
    while path[-1].fingerprint not in fingerprints:
        issuer = _issuer(path[-1], anchors) or _issuer(path[-1], [each for each in chain if each not in path])
        if issuer is None or issuer in path:
            break
        path.append(issuer)
    return _Presented(tuple(path), len(chain), anchors, path[-1].fingerprint in fingerprints)


def _issuer(certificate: Certificate, candidates: Sequence[Certificate]) -> Certificate | None:
    named = (each for each in candidates if each.subject == certificate.issuer)
    return next((each for each in named if _is_key_of(each, certificate)), None)


def _is_key_of(issuer: Certificate, certificate: Certificate) -> bool:
    """Say whether *certificate* was signed by the key of *issuer*: by their key identifiers, else by the signature."""
    wanted, offered = certificate.authority_key_identifier, issuer.subject_key_identifier
    if wanted and offered:
        return wanted == offered
    try:
        read = x509.load_der_x509_certificate
        read(certificate.der).verify_directly_issued_by(read(issuer.der))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _path(presented: _Presented, trust: TrustSet, now: datetime) -> Mismatch | None:
    del now
    if presented.is_anchored:
        return None
    if presented.leaf.is_self_issued:
        expected = _listed([anchor.fingerprint for anchor in trust.anchors]) or PUBLIC
        return _mismatch("self_signed_not_trusted", "fingerprint", expected, presented.leaf.fingerprint)
    top = presented.top
    namesake = next((anchor for anchor in presented.anchors if anchor.subject == top.issuer), None)
    if namesake is not None:
        expected = f"{namesake.subject}, {_key(namesake.subject_key_identifier or namesake.spki_fingerprint)}"
        by = _key(top.authority_key_identifier) if top.authority_key_identifier else "another key"
        return _mismatch("unknown_issuer", "issuer", expected, f"{top.issuer}, {by}")
    if not top.is_self_issued and _may_lead_on(top, trust):
        expected = f"a certificate of {top.issuer}, sent by the backend or imported"
        number = "1 certificate" if presented.sent == 1 else f"{presented.sent} certificates"
        last = "issued" if presented.sent == 1 else "the last issued"
        return _mismatch("chain_incomplete", "issuer", expected, f"{number}, {last} by {top.issuer}")
    expected = _listed([anchor.subject for anchor in trust.anchors]) or PUBLIC
    return _mismatch("unknown_issuer", "issuer", expected, top.issuer)


def _may_lead_on(top: Certificate, trust: TrustSet) -> bool:
    """
    Say whether something above *top* could lead to an anchor: a CA that was imported, or a public one.

    Public authorities write into a certificate where that of its issuer is found (RFC 5280, section 4.2.2.1).
    """
    if trust.anchors:
        return any(anchor.is_ca for anchor in trust.anchors)
    try:
        extensions = x509.load_der_x509_certificate(top.der).extensions
        access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return any(each.access_method == AuthorityInformationAccessOID.CA_ISSUERS for each in access)


def _validity(presented: _Presented, trust: TrustSet, now: datetime) -> Mismatch | None:
    del trust
    for depth, certificate in reversed(list(enumerate(presented.path))):
        of = f"of {_place(depth)}, {certificate.subject}"
        if certificate.not_after < now:
            ended = f"{_time(certificate.not_after)}, {of}"
            return _mismatch("expired", "notAfter", f"after {_time(now)}", ended)
        if certificate.not_before > now:
            begins = f"{_time(certificate.not_before)}, {of}"
            return _mismatch("not_yet_valid", "notBefore", f"before {_time(now)}", begins)
    return None


def _names(presented: _Presented, trust: TrustSet, now: datetime) -> Mismatch | None:
    del now
    accepted = trust.accepted_names
    if not accepted or any(presents(presented.leaf, name) for name in accepted):
        return None
    names = presented.leaf.subject_alt_names
    code = "hostname_mismatch" if names else "no_subject_alt_name"
    return _mismatch(code, "subjectAltName", _listed([name.value for name in accepted]), _listed(names) or "none")


def _pins(presented: _Presented, trust: TrustSet, now: datetime) -> Mismatch | None:
    del now
    leaf = presented.leaf
    if not (trust.certificate_pins or trust.spki_pins):
        return None
    if leaf.fingerprint in trust.certificate_pins or leaf.spki_fingerprint in trust.spki_pins:
        return None
    if trust.certificate_pins:
        return _mismatch("pin_mismatch", "fingerprint", _listed(trust.certificate_pins), leaf.fingerprint)
    return _mismatch("pin_mismatch", "subjectPublicKeyInfo", _listed(trust.spki_pins), leaf.spki_fingerprint)


def _revocation(presented: _Presented, trust: TrustSet, now: datetime) -> Mismatch | None:
    for crl in trust.revocation:
        if any(certificate.issuer == crl.issuer for certificate in presented.path) and crl.is_stale(now):
            ended = f"{_time(crl.next_update)}, CRL of {crl.issuer}" if crl.next_update else crl.issuer
            return _mismatch("crl_stale", "nextUpdate", f"after {_time(now)}", ended)
    for depth, certificate in enumerate(presented.path if trust.revocation_of_path else presented.path[:1]):
        if any(crl.issuer == certificate.issuer and crl.lists(certificate) for crl in trust.revocation):
            number = f"{certificate.serial_number:x}, {_place(depth)}, {certificate.subject}"
            return _mismatch("revoked", "serialNumber", f"none that a CRL of {certificate.issuer} lists", number)
    return None


# In the order in which a gateway asks.
_CHECKS: tuple[Callable[[_Presented, TrustSet, datetime], Mismatch | None], ...] = (
    _path,
    _validity,
    _revocation,
    _names,
    _pins,
)


def _mismatch(code: str, field: str, expected: str, presented: str) -> Mismatch:
    return Mismatch(code, Difference(field, expected[:MAX_TEXT], presented[:MAX_TEXT]))


def _place(depth: int) -> str:
    return "the backend's own certificate" if depth == 0 else f"the certificate at depth {depth}"


def _key(identifier: str) -> str:
    return f"key {identifier}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
