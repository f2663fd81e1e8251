"""
Compare a presented chain with a trust set, field by field. This explains rejections; it never verifies.

    mismatches = compare(chain, trust, now)
    mismatches[0].code                  # "hostname_mismatch"
    mismatches[0].difference.presented  # "dNSName other.test"
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import AuthorityInformationAccessOID

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.identity import list_typed_names, presents
from holdfast.certificates.revocation import keep_last_to_end
from holdfast.certificates.trust import TrustSet, could_have_issued

MAX_SHOWN = 5  # names or anchors in one text
MAX_TEXT = 1000  # characters; subjects are what backends say
PUBLIC = "a public CA"
FROM_PUBLIC = f"a certificate from {PUBLIC}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A certificate field that differs, by its name in RFC 5280, with both values formatted for display."""

    field: str
    expected: str
    presented: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a chain is rejected: *code* is one of the causes in docs/reference/causes.md."""

    code: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Path:
    """
    The only certification path that a gateway tries, complete or not.

    *alternative* is a certificate that the backend sends, has the name of one on the path, and would lead to an anchor:
    the CA is cross-signed, and the gateway tried the wrong certificate first.
    """

    certificates: tuple[Certificate, ...]  # the leaf first; the anchor last if there is one
    sent_count: int  # certificates that the backend sends
    anchors: tuple[Certificate, ...]
    is_anchored: bool
    alternative: Certificate | None = None
    unable: Certificate | None = None  # would be next, but its keyUsage forbids signing certificates

    @property
    def leaf(self) -> Certificate:
        """The backend's own certificate."""
        return self.certificates[0]

    @property
    def top(self) -> Certificate:
        """The last certificate of the path."""
        return self.certificates[-1]


def compare(
    chain: Sequence[Certificate], trust: TrustSet, now: datetime, public_roots: Sequence[Certificate] = ()
) -> tuple[Mismatch, ...]:
    """
    Return all reasons for which a gateway would reject *chain*, the backend's own certificate first.

    If *trust* has no anchors, *public_roots* are used. Reasons are in the order in which a gateway checks (path,
    revocation, validity, names, pins); the gateway itself stops at the first.

    Raises:
        ValueError: The chain is empty.
    """
    path = find_path(chain, trust, public_roots)
    return tuple(mismatch for check in _CHECKS for mismatch in check(path, trust, now))


def find_path(chain: Sequence[Certificate], trust: TrustSet, public_roots: Sequence[Certificate] = ()) -> Path:
    """
    Return the path that a gateway tries for *chain*: it prefers trusted issuers, then the first issuer that was sent.

    It never tries a second path (BoringSSL; measured on Envoy 1.40).

    Raises:
        ValueError: The chain is empty.
    """
    if not chain:
        raise ValueError("A backend that speaks TLS presents at least one certificate.")
    anchors = trust.anchors or tuple(public_roots)
    fingerprints = {anchor.fingerprint for anchor in anchors}
    path = [chain[0]]
    while path[-1].fingerprint not in fingerprints and not _is_self_signed(path[-1]):
        issuer = _find_issuer(path[-1], anchors) or _find_issuer(
            path[-1], [certificate for certificate in chain if certificate not in path]
        )
        if issuer is None or issuer in path:
            break
        path.append(issuer)
    is_anchored = path[-1].fingerprint in fingerprints
    alternative = None if is_anchored else _find_alternative(path, chain, anchors)
    return Path(tuple(path), len(chain), anchors, is_anchored, alternative, _find_unable(path[-1], [*anchors, *chain]))


def _is_self_signed(certificate: Certificate) -> bool:
    return certificate.is_self_issued and could_have_issued(certificate, certificate)


def _find_alternative(
    path: Sequence[Certificate], chain: Sequence[Certificate], anchors: Sequence[Certificate]
) -> Certificate | None:
    subjects = {certificate.subject for certificate in path[1:]}
    others = (certificate for certificate in chain if certificate not in path and certificate.subject in subjects)
    return next((certificate for certificate in others if _find_issuer(certificate, anchors)), None)


def _find_unable(certificate: Certificate, candidates: Sequence[Certificate]) -> Certificate | None:
    namesakes = (issuer for issuer in candidates if issuer.subject == certificate.issuer and issuer != certificate)
    return next((issuer for issuer in namesakes if issuer.extensions.lacks_key_cert_sign), None)


def _find_issuer(certificate: Certificate, candidates: Sequence[Certificate]) -> Certificate | None:
    namesakes = (
        issuer
        for issuer in candidates
        if issuer.subject == certificate.issuer and not issuer.extensions.lacks_key_cert_sign
    )
    return next((issuer for issuer in namesakes if _is_key_of(issuer, certificate)), None)


def _is_key_of(issuer: Certificate, certificate: Certificate) -> bool:
    """Return whether *issuer*'s key signed *certificate*, by key identifiers or otherwise by signature."""
    authority_id, subject_id = certificate.authority_key_identifier, issuer.subject_key_identifier
    if authority_id and subject_id:
        return authority_id == subject_id
    try:
        load = x509.load_der_x509_certificate
        load(certificate.der).verify_directly_issued_by(load(issuer.der))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _check_path(path: Path, trust: TrustSet, now: datetime) -> Iterator[Mismatch]:
    del now
    if path.is_anchored:
        return
    if _is_self_signed(path.leaf):
        expectation = _enumerate([anchor.fingerprint for anchor in trust.anchors]) or FROM_PUBLIC
        yield _make_mismatch("self_signed_not_trusted", "fingerprint", expectation, path.leaf.fingerprint)
        return
    top = path.top
    namesake = next((anchor for anchor in path.anchors if anchor.subject == top.issuer), None)
    if namesake is not None and not top.is_self_issued:
        expectation = f"{namesake.subject}, {_name_key(namesake.subject_key_identifier or namesake.spki_fingerprint)}"
        by = _name_key(top.authority_key_identifier) if top.authority_key_identifier else "another key"
        yield _make_mismatch("unknown_issuer", "issuer", expectation, f"{top.issuer}, {by}")
    elif not top.is_self_issued and not path.unable and _may_lead_on(top, trust):
        expectation = f"a certificate of {top.issuer}, sent by the backend or imported"
        number = "1 certificate" if path.sent_count == 1 else f"{path.sent_count} certificates"
        last = "issued" if path.sent_count == 1 else "the last issued"
        yield _make_mismatch("chain_incomplete", "issuer", expectation, f"{number}, {last} by {top.issuer}")
    else:
        expectation = _enumerate([anchor.subject for anchor in trust.anchors]) or PUBLIC
        yield _make_mismatch("unknown_issuer", "issuer", expectation, top.issuer)


def _may_lead_on(top: Certificate, trust: TrustSet) -> bool:
    """
    Return whether an issuer of *top* could lead to an anchor: an imported CA or a public one.

    Certificates of public CAs contain a URL of the issuer's certificate (RFC 5280, section 4.2.2.1).
    """
    if trust.anchors:
        return any(anchor.is_ca for anchor in trust.anchors)
    try:
        extensions = x509.load_der_x509_certificate(top.der).extensions
        access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return any(description.access_method == AuthorityInformationAccessOID.CA_ISSUERS for description in access)


def _check_validity(path: Path, trust: TrustSet, now: datetime) -> Iterator[Mismatch]:
    del trust
    holders = [(holder, f"of {_name_place(depth)}, {holder.subject}") for depth, holder in enumerate(path.certificates)]
    for certificate, of in holders:
        if certificate.not_after < now:
            yield _make_mismatch(
                "expired", "notAfter", f"after {_write_time(now)}", f"{_write_time(certificate.not_after)}, {of}"
            )
            break
    for certificate, of in holders:
        if certificate.not_before > now:
            begins = f"{_write_time(certificate.not_before)}, {of}"
            yield _make_mismatch("not_yet_valid", "notBefore", f"before {_write_time(now)}", begins)
            break


def _check_names(path: Path, trust: TrustSet, now: datetime) -> Iterator[Mismatch]:
    del now
    references = trust.accepted_names
    if not references or any(presents(path.leaf, name) for name in references):
        return
    names = list_typed_names(path.leaf)
    code = "hostname_mismatch" if names else "no_subject_alt_name"
    yield _make_mismatch(
        code, "subjectAltName", _enumerate([str(name) for name in references]), _enumerate(names) or "none"
    )


def _check_pins(path: Path, trust: TrustSet, now: datetime) -> Iterator[Mismatch]:
    del now
    leaf = path.leaf
    if not (trust.certificate_pins or trust.spki_pins):
        return
    if leaf.fingerprint in trust.certificate_pins or leaf.spki_fingerprint in trust.spki_pins:
        return
    if trust.certificate_pins:
        yield _make_mismatch("pin_mismatch", "fingerprint", _enumerate(trust.certificate_pins), leaf.fingerprint)
    else:
        yield _make_mismatch("pin_mismatch", "subjectPublicKeyInfo", _enumerate(trust.spki_pins), leaf.spki_fingerprint)


def _check_revocation(path: Path, trust: TrustSet, now: datetime) -> Iterator[Mismatch]:
    for crl in keep_last_to_end(trust.revocation):
        if any(certificate.issuer == crl.issuer for certificate in path.certificates) and crl.is_stale(now):
            end = f"{_write_time(crl.next_update)}, CRL of {crl.issuer}" if crl.next_update else crl.issuer
            yield _make_mismatch("crl_stale", "nextUpdate", f"after {_write_time(now)}", end)
            break
    for depth, certificate in enumerate(path.certificates if trust.revocation_of_path else path.certificates[:1]):
        if any(crl.issuer == certificate.issuer and crl.lists(certificate) for crl in trust.revocation):
            number = f"{certificate.serial_number:x}, {_name_place(depth)}, {certificate.subject}"
            yield _make_mismatch("revoked", "serialNumber", f"none that a CRL of {certificate.issuer} lists", number)
            break


# In the order in which a gateway checks.
_CHECKS: tuple[Callable[[Path, TrustSet, datetime], Iterator[Mismatch]], ...] = (
    _check_path,
    _check_revocation,
    _check_validity,
    _check_names,
    _check_pins,
)


def _make_mismatch(code: str, field: str, expectation: str, value: str) -> Mismatch:
    return Mismatch(code, Difference(field, expectation[:MAX_TEXT], value[:MAX_TEXT]))


def _name_place(depth: int) -> str:
    return "the backend's own certificate" if depth == 0 else f"the certificate at depth {depth}"


def _name_key(identifier: str) -> str:
    return f"key {identifier}"


def _write_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _enumerate(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - MAX_SHOWN} more" if len(texts) > MAX_SHOWN else ""
    return ", ".join(texts[:MAX_SHOWN]) + more
