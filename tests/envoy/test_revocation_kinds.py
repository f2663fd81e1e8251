"""CRLs without findings work at the gateway, and refused CRLs would make it reject everything."""

import json
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from backends import V4, Backend
from envoy_alone import cluster, statuses_of
from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.findings.examination import Code, Severity, judge_revocation
from holdfast.certificates.identity import parse_reference
from holdfast.certificates.revocation import NotRevocationLists, read_revocation_lists
from holdfast.certificates.trust import TrustSet, deduplicate
from holdfast.gateway.process.binary import find_envoy
from issuing import DAY, Identity, dsa_key, ed25519_key, issue, key_usage, rsa_key, tlv
from revoking import NUMBER, extension, write_crl

pytestmark = pytest.mark.envoy
ROOT = issue(ca=True, common_name="root", key=rsa_key())
SAME_NAME = issue(ca=True, common_name="root", key=rsa_key())
OTHER = issue(ca=True, common_name="other")
INTERMEDIATE = issue(by=ROOT, ca=True, common_name="intermediate")
DEEP = issue(V4, by=INTERMEDIATE)
EC = issue(ca=True, common_name="EC")
MAY_NOT = issue(ca=True, common_name="may not", more=[key_usage(key_cert_sign=True)])
MAY = issue(ca=True, common_name="may", more=[key_usage(key_cert_sign=True, crl_sign=True)])
NO_IDENTIFIER = issue(ca=True, common_name="no identifier", identified=False)
ED25519 = issue(ca=True, common_name="Ed25519", key=ed25519_key())
DSA = issue(ca=True, common_name="DSA", key=dsa_key())
OWN = issue(V4, common_name="own")
OWN_WITH_USAGE = issue(V4, common_name="own with usage", more=[key_usage(digital_signature=True)])
LEAF, NEIGHBOUR = issue(V4, by=ROOT), issue(V4, by=ROOT)
NAME = ROOT.certificate.subject.public_bytes()
IDENTIFIER = ROOT.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
POINT = tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://crl.test/root")))
POINTS = x509.CRLDistributionPoints(
    [x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.test/root")], None, None, None)]
)
NAMES_POINT = issue(ca=True, common_name="names a point", more=[(POINTS, False)])
UNKNOWN = extension("1.2.3.4.5", tlv(0x05), critical=True)
REASON = extension("2.5.29.21", tlv(0x0A, b"\1"), critical=True)
AUTHORITY = extension("2.5.29.35", tlv(0x30, tlv(0x80, IDENTIFIER)))
FRESHEST = tlv(0x30, tlv(0x30, POINT))
SHA256, SHA384, SHA3 = hashes.SHA256(), hashes.SHA384(), hashes.SHA3_256()
PSS = padding.PSS(padding.MGF1(SHA256), 32)
# What makes the gateway reject certificates. Refused by Holdfast are the errors among them, and what it can't read.
REJECTING = {Code.CRL_MISSING, Code.CRL_PARTIAL}


@dataclass(frozen=True, slots=True)
class Case:
    """CRLs (PEM), what a backend presents that none of them revokes, and the imported certificates."""

    crls: bytes
    leaf: Identity = LEAF
    anchors: tuple[Identity, ...] = (ROOT,)
    of_path: bool = True
    finds: str = ""  # the codes, except for those about its number and key identifier


def of(*extensions: bytes, finds: str = "", **options: Any) -> Case:
    """A CRL of the root with these extensions."""
    return Case(write_crl(ROOT, extensions=(AUTHORITY, *extensions), **options), finds=finds)


def together(*cases: Case, finds: str) -> Case:
    """The CRLs of several cases in one file."""
    return Case(b"".join(case.crls for case in cases), finds=finds)


def of_entry(entry: bytes, *, finds: str) -> Case:
    return Case(write_crl(ROOT, NEIGHBOUR, entry_extensions=[entry]), finds=finds)


def by(
    ca: Identity, digest: hashes.HashAlgorithm | None = None, pss: padding.PSS | None = None, finds: str = ""
) -> Case:
    """A CRL as the library makes it, of a CA that has issued what the backend presents."""
    now = datetime.now(UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.certificate.subject)
    builder = builder.last_update(now - DAY).next_update(now + DAY)
    crl = builder.sign(ca.key, digest, rsa_padding=pss)  # type: ignore[arg-type]
    return Case(crl.public_bytes(Encoding.PEM), issue(V4, by=ca), (ca,), finds=finds)


def point(*content: bytes, finds: str = "", of_path: bool = True) -> Case:
    case = of(NUMBER, extension("2.5.29.28", tlv(0x30, *content), critical=True), finds=finds)
    return Case(case.crls, of_path=of_path, finds=case.finds)


def below(ca: Identity, *, finds: str = "", **options: Any) -> Case:
    return Case(write_crl(ca, **options), issue(V4, by=ca), (ca,), finds=finds)


def deep(*of_cas: Identity, anchors: tuple[Identity, ...], of_path: bool = True, finds: str = "") -> Case:
    crls = b"".join(map(write_crl, of_cas))
    return Case(crls, DEEP, anchors, of_path, finds)


CASES = {
    "complete": of(NUMBER),
    "without a number": of(),
    "without identifiers": below(NO_IDENTIFIER),
    "of version 1": Case(write_crl(ROOT, extensions=(), version=None)),
    "unknown extension": of(NUMBER, extension("1.2.3.4.5", tlv(0x05))),
    "critical unknown extension": of(NUMBER, UNKNOWN, finds="crl-unusable"),
    "critical number": of(extension("2.5.29.20", tlv(0x02, b"\5"), critical=True), finds="crl-unusable"),
    "critical freshest CRL": of(NUMBER, extension("2.5.29.46", FRESHEST, critical=True), finds="crl-unusable"),
    "critical unknown extension of an entry": of_entry(UNKNOWN, finds="crl-unusable"),
    "critical reason of an entry": of_entry(REASON, finds="crl-unusable"),
    "indirect": point(tlv(0x84, b"\xff"), finds="crl-unusable"),
    "some reasons": point(tlv(0x83, b"\5\x60"), finds="crl-unusable"),
    "a distribution point": point(POINT, finds="crl-partial"),
    "only CAs": point(tlv(0x82, b"\xff"), finds="crl-partial"),
    "only others": point(tlv(0x81, b"\xff"), finds="crl-partial"),
    "only others, of the backend only": point(tlv(0x81, b"\xff"), of_path=False),
    "without an end": of(NUMBER, end=None, finds="crl-without-end"),
    "far end": of(NUMBER, end=40 * 365 * DAY),
    "expired": of(NUMBER, end=-DAY, finds="crl-expired"),
    "expired, and a current one": together(of(NUMBER, end=-DAY), of(NUMBER), finds="crl-expired"),
    "critical unknown extension, and a good one": together(of(NUMBER, UNKNOWN), of(NUMBER), finds="crl-unusable"),
    "expired, and one of another CA of the same name": together(
        of(NUMBER, end=-DAY), Case(write_crl(SAME_NAME)), finds="crl-expired crl-of-another-ca"
    ),
    "not yet valid": of(NUMBER, start=DAY, finds="crl-not-yet-valid"),
    "never valid": of(NUMBER, start=-DAY, end=-2 * DAY, finds="crl-unusable"),
    "CA without cRLSign": below(MAY_NOT, finds="crl-without-crl-sign"),
    "CA with cRLSign": below(MAY),
    "CA of the same name": Case(write_crl(SAME_NAME), finds="crl-of-another-ca crl-missing"),
    "another CA": Case(write_crl(OTHER), finds="crl-of-another-ca crl-missing"),
    "MD5": of(NUMBER, oid="1.2.840.113549.1.1.4", digest="md5", finds="crl-unusable"),
    "RSA with SHA-1": of(NUMBER, oid="1.2.840.113549.1.1.5", digest="sha1", finds="crl-weak-signature"),
    "RSA with SHA-3": by(ROOT, SHA3, finds="crl-unusable"),
    "RSA PSS": by(ROOT, SHA256, PSS),
    "ECDSA": by(EC, SHA384),
    "ECDSA with SHA-3": by(EC, SHA3, finds="crl-unusable"),
    "Ed25519": by(ED25519),
    "DSA": by(DSA, SHA256, finds="crl-unusable"),
    "both CAs, root imported": deep(ROOT, INTERMEDIATE, anchors=(ROOT,), finds="crl-of-another-ca"),
    "both CAs, both imported": deep(ROOT, INTERMEDIATE, anchors=(ROOT, INTERMEDIATE)),
    "root only, both imported": deep(ROOT, anchors=(ROOT, INTERMEDIATE), finds="crl-missing"),
    "intermediate imported": deep(INTERMEDIATE, anchors=(INTERMEDIATE,), finds="crl-missing"),
    "intermediate imported, of the backend only": deep(INTERMEDIATE, anchors=(INTERMEDIATE,), of_path=False),
    "leaf imported": Case(write_crl(ROOT), LEAF, (LEAF,), finds="crl-missing crl-of-another-ca"),
    "leaf imported, of the backend only": Case(write_crl(ROOT), LEAF, (LEAF,), False, "crl-missing crl-of-another-ca"),
    "leaf and root imported": Case(write_crl(ROOT), LEAF, (LEAF, ROOT)),
    "self-signed": Case(write_crl(OWN), OWN, (OWN,)),
    "self-signed without cRLSign": Case(
        write_crl(OWN_WITH_USAGE), OWN_WITH_USAGE, (OWN_WITH_USAGE,), finds="crl-without-crl-sign"
    ),
    "self-signed, CRL of another": Case(write_crl(OTHER), OWN, (OWN,), finds="crl-missing crl-of-another-ca"),
}
IDENTIFICATION = {Code.CRL_WITHOUT_KEY_IDENTIFIER, Code.CRL_WITHOUT_NUMBER}
UNLOADABLE = {
    "version 1 with extensions": write_crl(ROOT, version=None),
    "version 3": write_crl(ROOT, version=2),
    "damaged authority key identifier": write_crl(ROOT, extensions=[extension("2.5.29.35", b"damaged")]),
    "damaged distribution point": write_crl(ROOT, extensions=[extension("2.5.29.28", b"damaged")]),
}


def test_the_gateway_accepts_backends_exactly_where_no_finding_says_otherwise(tmp_path: Path):
    expected = {name: 503 if _rejects(case) else 200 for name, case in CASES.items()}
    assert _statuses(tmp_path) == expected


@pytest.mark.parametrize("name", CASES)
def test_findings_about_a_crl_are_those_that_are_expected(name: str):
    codes = {finding.code for finding in _findings(CASES[name])} - IDENTIFICATION
    assert codes == set(CASES[name].finds.split())


@pytest.mark.parametrize("name", UNLOADABLE)
def test_a_crl_that_envoy_cannot_load_is_refused(name: str):
    configuration = {"static_resources": {"clusters": [_cluster("backend", 1, Case(UNLOADABLE[name]))]}}
    command = [
        str(find_envoy()),
        "--mode",
        "validate",
        "--log-level",
        "off",
        "--config-yaml",
        json.dumps(configuration),
    ]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode != 0
    with suppress(NotRevocationLists):
        assert any(finding.severity is Severity.ERROR for finding in _findings(Case(UNLOADABLE[name])))


def _rejects(case: Case) -> bool:
    return any(finding.severity is Severity.ERROR or finding.code in REJECTING for finding in _findings(case))


def _findings(case: Case) -> list[Any]:
    anchors = deduplicate(read_certificate(anchor.der) for anchor in case.anchors)
    crls = read_revocation_lists(case.crls)
    trust = TrustSet(anchors, parse_reference(V4), revocation=crls, revocation_of_path=case.of_path)
    return judge_revocation(trust, datetime.now(UTC) + timedelta(seconds=1))


def _statuses(directory: Path) -> dict[str, int]:
    with ExitStack() as stack:
        ports: dict[bytes, int] = {}
        clusters = {}
        for number, case in enumerate(CASES.values()):
            if case.leaf.der not in ports:
                ports[case.leaf.der] = stack.enter_context(Backend(case.leaf)).port
            clusters[str(number)] = _cluster(str(number), ports[case.leaf.der], case)
        statuses = statuses_of(clusters, directory)
    return dict(zip(CASES, statuses.values(), strict=True))


def _cluster(name: str, port: int, case: Case) -> dict[str, Any]:
    trust = b"".join(anchor.pem for anchor in case.anchors)
    crl = {"inline_string": case.crls.decode()}
    return cluster(name, port, trust, crl=crl, only_verify_leaf_cert_crl=not case.of_path)
