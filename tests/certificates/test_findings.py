"""Findings about certificates, in general."""

from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from certificates.judging import findings, judge
from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.findings.examination import Code, Severity, examine, examine_all
from holdfast.certificates.formats.parsing import parse
from holdfast.certificates.identity import parse_reference, presents
from holdfast.certificates.validity import Status, get_status
from issuing import (
    CLIENTS_ONLY,
    DAY,
    MD5_WITH_RSA,
    UNKNOWN_EXTENSION,
    alter,
    curve_key,
    ed448_key,
    key_usage,
    rsa_key,
    tlv,
)
from issuing import issue as issue_any

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CA = trustme.CA()


def issue(*names: str, start: timedelta = timedelta(days=-10), end: timedelta = timedelta(days=300)) -> Certificate:
    leaf = CA.issue_cert(*names, not_before=NOW + start, not_after=NOW + end)
    return parse(leaf.cert_chain_pems[0].bytes()).certificates[0]


def list_codes(certificate: Certificate, host: str) -> list[str]:
    return [f.code for f in examine(certificate, [parse_reference(host)], NOW)]


def test_a_good_certificate_has_no_findings():
    assert judge(issue_any("backend.test"), host="backend.test") == {}


def test_an_expired_certificate_is_an_error_with_its_day():
    finding = examine(issue("a.test", end=timedelta(days=-3)), [], NOW)[0]
    assert (finding.code, finding.severity) == ("expired", Severity.ERROR)
    assert finding.message == "Expired 3 days ago, on 2026-05-29."


def test_status_follows_the_validity_period():
    def status(start: int, end: int) -> Status:
        return get_status(issue("a.test", start=timedelta(days=start), end=timedelta(days=end)), NOW)

    assert status(-1, 100) is Status.ACTIVE
    assert status(-1, 30) is Status.EXPIRING
    assert status(-9, -1) is Status.EXPIRED
    assert status(1, 100) is Status.NOT_YET_VALID


def test_a_wrong_name_is_found():
    assert judge(issue_any("other.test"), host="backend.test") == {"name-mismatch": "warning"}


def test_a_wildcard_matches_exactly_one_label():
    certificate = issue("*.example.test")
    assert presents(certificate, parse_reference("A.example.test."))
    assert not presents(certificate, parse_reference("a.b.example.test"))
    assert not presents(certificate, parse_reference("example.test"))


def test_an_address_is_matched_as_an_address():
    certificate = issue("127.0.0.1", "::1")
    assert presents(certificate, parse_reference("127.0.0.1"))
    assert presents(certificate, parse_reference("0:0:0:0:0:0:0:1"))
    assert not presents(certificate, parse_reference("127.0.0.2"))


ROOT = issue_any(ca=True, common_name="root", key=rsa_key())
GOOD = {
    "self-signed": [issue_any("backend.test")],
    "self-signed with all that servers have": [
        issue_any(
            "backend.test",
            purpose=x509.ExtendedKeyUsageOID.SERVER_AUTH,
            more=[key_usage(digital_signature=True)],
            key=rsa_key(),
        )
    ],
    "self-signed without key identifiers": [issue_any("backend.test", identified=False)],
    "self-signed as OpenSSL makes it": [issue_any("backend.test", ca=True)],
    "self-signed as keytool makes it": [issue_any("backend.test", ca=None, identified=False)],
    "private root": [ROOT],
    "private root with its key usage": [issue_any(ca=True, more=[key_usage(key_cert_sign=True)])],
    "private root of ten years": [issue_any(ca=True, end=3650 * DAY)],
    "intermediate": [issue_any(by=ROOT, ca=True, common_name="intermediate")],
    "leaf and root": [issue_any("backend.test", by=ROOT), ROOT],
    "leaf, intermediate and root": [
        issue_any("backend.test", by=(middle := issue_any(by=ROOT, ca=True, common_name="middle"))),
        middle,
        ROOT,
    ],
    "old and new": [issue_any("backend.test"), issue_any("backend.test")],
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_file_has_neither_warnings_nor_errors(kind):
    assert set(judge(*GOOD[kind]).values()) <= {"info"}


ODD = [
    issue_any(ca=None, common_name="root", identified=False),
    issue_any(ca=True, common_name="root", path_length=0, identified=False),
    issue_any(by=ROOT, ca=True, common_name="root", permitted="other.test", identified=False),
    (first := issue_any(by=ROOT, ca=True, path_length=0, common_name="first", identified=False)),
    (second := issue_any(by=first, ca=True, common_name="second", identified=False)),
    issue_any(by=second, ca=True, common_name="first", identified=False),
    issue_any("*", "a*.test", "*.*", "127.0.0.1", by=second, purpose=CLIENTS_ONLY, more=[(UNKNOWN_EXTENSION, True)]),
    alter(issue_any("backend.test", by=ROOT), ROOT, MD5_WITH_RSA),
    alter(issue_any("backend.test"), version=b"", extensions=b"", serial_number=tlv(0x02, b"\xff")),
    alter(issue_any("backend.test"), issuer=tlv(0x30), subject=tlv(0x30)),
    alter(issue_any("backend.test"), subject=tlv(0x30)),
    issue_any(key=ed448_key(), end=-DAY / 2),
    issue_any("::1", key=curve_key(ec.BrainpoolP256R1()), more=[key_usage()]),
    *(certificate for file in GOOD.values() for certificate in file),
]


@given(st.lists(st.sampled_from(ODD), max_size=12), st.sampled_from(["", "backend.test", "127.0.0.1", "::1", "x"]))
def test_any_mix_of_certificates_can_be_examined(mix, host):
    all_findings = findings(*mix, host=host)
    order = list({read_certificate(certificate.der).fingerprint: None for certificate in mix})
    places = [order.index(finding.fingerprint) for finding in all_findings]
    assert places == sorted(places)
    assert len({(finding.code, finding.fingerprint) for finding in all_findings}) == len(all_findings)
    assert all(finding.message and finding.remedy for finding in all_findings)
    assert {finding.code for finding in all_findings} <= set(Code)


def test_no_certificates_have_no_findings():
    assert examine_all([], [], NOW) == []
