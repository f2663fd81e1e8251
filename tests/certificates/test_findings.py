"""What is noticed about a certificate before anybody saves it."""

from datetime import UTC, datetime, timedelta

import trustme

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings import Severity, examine
from holdfast.certificates.identity import presents, reference_identifier
from holdfast.certificates.parsing import parse
from holdfast.certificates.validity import Status, status_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CA = trustme.CA()


def issue(*names: str, start: timedelta = timedelta(days=-10), end: timedelta = timedelta(days=300)) -> Certificate:
    leaf = CA.issue_cert(*names, not_before=NOW + start, not_after=NOW + end)
    return parse(leaf.cert_chain_pems[0].bytes()).certificates[0]


def codes(certificate: Certificate, host: str) -> list[str]:
    return [f.code for f in examine(certificate, reference_identifier(host), NOW)]


def test_a_good_certificate_has_no_findings():
    assert codes(issue("backend.test"), "backend.test") == []


def test_an_expired_certificate_is_an_error_with_its_day():
    finding = examine(issue("a.test", end=timedelta(days=-3)), None, NOW)[0]
    assert (finding.code, finding.severity) == ("expired", Severity.ERROR)
    assert finding.message == "Expired 3 days ago, on 2026-05-29."


def test_status_follows_the_validity_period():
    def status(start: int, end: int) -> Status:
        return status_of(issue("a.test", start=timedelta(days=start), end=timedelta(days=end)), NOW)

    assert status(-1, 100) is Status.ACTIVE
    assert status(-1, 30) is Status.EXPIRING
    assert status(-9, -1) is Status.EXPIRED
    assert status(1, 100) is Status.NOT_YET_VALID


def test_a_wrong_name_is_found():
    assert codes(issue("other.test"), "backend.test") == ["name-mismatch"]


def test_a_wildcard_stands_for_one_label_only():
    certificate = issue("*.example.test")
    assert presents(certificate, reference_identifier("A.example.test."))
    assert not presents(certificate, reference_identifier("a.b.example.test"))
    assert not presents(certificate, reference_identifier("example.test"))


def test_an_address_is_matched_as_an_address():
    certificate = issue("127.0.0.1", "::1")
    assert presents(certificate, reference_identifier("127.0.0.1"))
    assert presents(certificate, reference_identifier("0:0:0:0:0:0:0:1"))
    assert not presents(certificate, reference_identifier("127.0.0.2"))
