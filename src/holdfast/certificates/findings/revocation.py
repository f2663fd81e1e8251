"""
Findings about CRLs (RFC 5280, section 5): which make the gateway reject every certificate, and which cover too little.

Measured on Envoy 1.40 (tests/envoy/test_revocation_kinds.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.extensions import name_extension
from holdfast.certificates.findings.finding import Code, Finding, Severity, display
from holdfast.certificates.formats import der
from holdfast.certificates.revocation import RevocationList
from holdfast.certificates.trust import TrustSet

E = TypeVar("E", bound=x509.ExtensionType)

_KNOWN_IF_CRITICAL = {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.ISSUING_DISTRIBUTION_POINT}
_WITHOUT_DIGEST = {SignatureAlgorithmOID.ED25519}
_DIGESTS = (hashes.SHA1, hashes.SHA224, hashes.SHA256, hashes.SHA384, hashes.SHA512)
_DSA = {
    SignatureAlgorithmOID.DSA_WITH_SHA1,
    SignatureAlgorithmOID.DSA_WITH_SHA224,
    SignatureAlgorithmOID.DSA_WITH_SHA256,
    SignatureAlgorithmOID.DSA_WITH_SHA384,
    SignatureAlgorithmOID.DSA_WITH_SHA512,
}
_TRUE = b"\x01\x01\xff"  # how DER writes that an extension is critical
_NAMED = 3
_REJECTS = "The gateway rejects every certificate of this CA."


def judge_revocation(trust: TrustSet, now: datetime) -> list[Finding]:
    """
    Return findings about the CRLs of *trust*, and about imported CAs without one, at *now* (aware).

    Findings have the fingerprint of the CRL, or of the certificate that lacks one, and are sorted by severity.
    """
    if not trust.revocation:
        return []
    findings_by_crl = {crl: [*_judge(crl, trust, now)] for crl in trust.revocation}
    signers = {crl: (crl.issuer, *map(crl.is_signed_by, trust.anchors)) for crl in findings_by_crl}
    usable = {signers[crl] for crl, findings in findings_by_crl.items() if not any(map(_is_error, findings))}
    all_findings = [
        _soften(finding) if signers[crl] in usable else finding
        for crl, findings in findings_by_crl.items()
        for finding in findings
    ]
    return sorted([*all_findings, *_find_missing(trust)], key=lambda finding: list(Severity).index(finding.severity))


def _is_error(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR


def _soften(finding: Finding) -> Finding:
    """Reduce an error to a warning, because the gateway uses a good CRL of the same CA."""
    if not _is_error(finding) or not finding.message.endswith(_REJECTS):
        return finding
    message = finding.message.removesuffix(_REJECTS) + "The gateway uses the other CRL of this CA."
    return replace(finding, severity=Severity.WARNING, message=message)


def _judge(crl: RevocationList, trust: TrustSet, now: datetime) -> Iterator[Finding]:
    content = x509.load_der_x509_crl(crl.der)
    yield from _judge_lifetime(crl, now)
    yield from _judge_form(crl, content)
    yield from _judge_scope(crl, content, of_path=trust.revocation_of_path)
    yield from _judge_signature(crl, content)
    yield from _judge_identification(crl, content)
    yield from _judge_issuer(crl, trust.anchors)


def _make_finding(
    code: Code, severity: Severity, about: RevocationList | Certificate, message: str, remedy: str
) -> Finding:
    if isinstance(about, RevocationList):
        message = f"The CRL of {display(about.issuer)} {message}"
    return Finding(code, severity, message, remedy, about.fingerprint)


def _judge_lifetime(crl: RevocationList, now: datetime) -> Iterator[Finding]:
    newer = "Get the CA's current CRL."
    if crl.next_update and crl.next_update < crl.this_update:
        message = f"expires before it becomes valid. {_REJECTS}"
        yield _make_finding(Code.CRL_UNUSABLE, Severity.ERROR, crl, message, newer)
    elif crl.next_update and now > crl.next_update:
        message = f"expired on {_write_time(crl.next_update)}. {_REJECTS}"
        yield _make_finding(Code.CRL_EXPIRED, Severity.ERROR, crl, message, newer)
    elif now < crl.this_update:
        message = f"isn't valid before {_write_time(crl.this_update)}. {_REJECTS}"
        remedy = "Wait until then, or check the clock of the machine that issued it."
        yield _make_finding(Code.CRL_NOT_YET_VALID, Severity.ERROR, crl, message, remedy)
    if crl.next_update is None:
        message = "has no nextUpdate. The gateway never stops using it, however old it gets."
        yield _make_finding(
            Code.CRL_WITHOUT_END, Severity.WARNING, crl, message, "Ask the CA for CRLs with a nextUpdate."
        )


def _judge_form(crl: RevocationList, content: x509.CertificateRevocationList) -> Iterator[Finding]:
    unknown = dict.fromkeys(
        name_extension(extension.oid.dotted_string)
        for extension in content.extensions
        if extension.critical and extension.oid not in _KNOWN_IF_CRITICAL
    )
    if unknown:
        message = f"has a critical extension that the gateway doesn't know: {', '.join([*unknown][:_NAMED])}."
        remedy = "Ask the CA for a CRL in which this extension isn't critical."
        yield _report_unusable(crl, message, remedy)
    elif of_entries := _find_critical_in_entries(crl, content):
        message = f"has an entry with a critical extension that the gateway doesn't know: {of_entries}."
        yield _report_unusable(crl, message, "Ask the CA for a CRL without this extension.")
    if content.extensions and not _is_version_2(crl):
        message = "is version 1 but has extensions, which require version 2. The gateway can't load it."
        yield _make_finding(Code.CRL_UNUSABLE, Severity.ERROR, crl, message, "Ask the CA for a version 2 CRL.")


def _report_unusable(crl: RevocationList, message: str, remedy: str) -> Finding:
    return _make_finding(Code.CRL_UNUSABLE, Severity.ERROR, crl, f"{message} {_REJECTS}", remedy)


def _find_critical_in_entries(crl: RevocationList, content: x509.CertificateRevocationList) -> str:
    if _TRUE not in crl.der:  # avoids parsing up to 20,000 entries
        return ""
    for entry in content:
        try:
            extensions = entry.extensions
        except ValueError:
            continue  # the gateway ignores damaged ones
        for extension in extensions:
            if extension.critical:
                return name_extension(extension.oid.dotted_string)
    return ""


def _judge_scope(crl: RevocationList, content: x509.CertificateRevocationList, *, of_path: bool) -> Iterator[Finding]:
    point = _get_extension(content, x509.IssuingDistributionPoint)
    if point is None:
        return
    whole = "Ask the CA for a complete CRL."
    if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs:
        kind = "is an indirect CRL" if point.indirect_crl else "covers attribute certificates"
        kind = "covers only some revocation reasons" if point.only_some_reasons else kind
        yield _report_unusable(crl, f"{kind}, which the gateway doesn't support.", whole)
    elif point.full_name or point.relative_name:
        message = "covers one distribution point. The gateway rejects certificates that don't name this point."
        remedy = f"{whole} Or test the endpoint with it: its certificate may name the point in CRL distribution points."
        yield _make_finding(Code.CRL_PARTIAL, Severity.WARNING, crl, message, remedy)
    elif point.only_contains_ca_certs or (point.only_contains_user_certs and of_path):
        what = "CA certificates" if point.only_contains_ca_certs else "certificates that aren't CAs"
        message = f"covers only {what}. Without a CRL for the others, the gateway rejects every certificate."
        yield _make_finding(Code.CRL_PARTIAL, Severity.WARNING, crl, message, f"{whole} Or upload both in one file.")


def _judge_signature(crl: RevocationList, content: x509.CertificateRevocationList) -> Iterator[Finding]:
    try:
        digest = content.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    oid = content.signature_algorithm_oid
    is_known = isinstance(digest, _DIGESTS) and oid not in _DSA
    if not is_known and oid not in _WITHOUT_DIGEST:
        algorithm = digest.name.upper() if digest else oid.dotted_string
        message = f"is signed with {'DSA' if oid in _DSA else algorithm}, which the gateway doesn't accept."
        yield _report_unusable(crl, message, "Ask the CA for a CRL signed with SHA-256.")
    elif isinstance(digest, hashes.SHA1):
        message = "is signed with SHA-1, which can be forged. The gateway accepts it."
        remedy = "Ask the CA for a CRL signed with SHA-256."
        yield _make_finding(Code.CRL_WEAK_SIGNATURE, Severity.WARNING, crl, message, remedy)


def _judge_identification(crl: RevocationList, content: x509.CertificateRevocationList) -> Iterator[Finding]:
    if _get_extension(content, x509.CRLNumber) is None:
        message = "has no number to tell which of two CRLs is newer. The gateway accepts it."
        remedy = "If other clients reject it, ask the CA for CRLs with a cRLNumber."
        yield _make_finding(Code.CRL_WITHOUT_NUMBER, Severity.INFO, crl, message, remedy)
    authority = _get_extension(content, x509.AuthorityKeyIdentifier)
    if authority is None or authority.key_identifier is None:
        message = "has no authority key identifier. The gateway accepts it."
        remedy = "Ask the CA for CRLs with one. Only it distinguishes a CA from its successor of the same name."
        yield _make_finding(Code.CRL_WITHOUT_KEY_IDENTIFIER, Severity.INFO, crl, message, remedy)


def _judge_issuer(crl: RevocationList, anchors: Sequence[Certificate]) -> Iterator[Finding]:
    same_name = [anchor for anchor in anchors if anchor.subject == crl.issuer]
    signers = [anchor for anchor in same_name if crl.is_signed_by(anchor)]
    if signers and not any(_may_sign(signer) for signer in signers):
        message = "is signed by a certificate whose keyUsage lacks cRLSign. The gateway rejects what it issued."
        remedy = "Ask for a CA certificate with cRLSign in its keyUsage, or don't check revocation for this CA."
        yield _make_finding(Code.CRL_WITHOUT_CRL_SIGN, Severity.ERROR, crl, message, remedy)
    elif not signers and same_name:
        message = "isn't signed with the key of the imported CA of that name."
        remedy = "Get the CRL of the imported CA, or import the CA that signed this one."
        yield _make_finding(Code.CRL_OF_ANOTHER_CA, Severity.WARNING, crl, message, remedy)
    elif not signers:
        message = "is for a CA that isn't imported. The gateway uses it only if the backend sends that CA certificate."
        yield _make_finding(
            Code.CRL_OF_ANOTHER_CA, Severity.INFO, crl, message, "This is fine if the backend sends it."
        )


def _find_missing(trust: TrustSet) -> Iterator[Finding]:
    for anchor in trust.anchors:
        subject = display(anchor.subject)
        is_issuer = anchor.is_self_issued or anchor.is_ca
        is_checked = not anchor.is_self_issued and (trust.revocation_of_path or not anchor.is_ca)
        if is_checked and not any(other.subject == anchor.issuer for other in trust.anchors):
            message = f"The issuer of {subject} isn't imported, so its revocation can't be checked. The gateway "
            message += "rejects it and everything that it issued."
            remedy = f"Import {display(anchor.issuer)} and add its CRL, or check only the backend's certificate."
        elif is_issuer and not any(crl.is_signed_by(anchor) for crl in trust.revocation):
            what = "it and everything that it issued" if anchor.is_self_issued else "everything that it issued"
            message = f"There is no CRL for {subject}. The gateway rejects {what}."
            remedy = "Add its CRL to the file."
        else:
            continue
        yield _make_finding(Code.CRL_MISSING, Severity.WARNING, anchor, message, remedy)


def _may_sign(certificate: Certificate) -> bool:
    usage = certificate.extensions.key_usage
    return usage is None or usage.crl_sign


def _is_version_2(crl: RevocationList) -> bool:
    (element,) = der.read(crl.der)
    first = element.read_children()[0].read_children()[0]
    return first.tag == der.INTEGER


def _get_extension(content: x509.CertificateRevocationList, kind: type[E]) -> E | None:
    try:
        return content.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _write_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
