"""Reasons to reject a file agree with what gateways do with a backend that presents it."""

from datetime import UTC, datetime

import pytest

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.findings.rejection import list_reasons_to_reject
from holdfast.certificates.formats.parsing import parse
from holdfast.certificates.identity import parse_reference
from issuing import DAY, issue, key_usage
from kinds import ACCEPTED, HOST, REJECTED, Kind

# What real gateways do with these is in docs/reference/verdicts.md. In others, the file doesn't show what the
# backend presents.
BY_THE_FILE = {
    "name that the root may not issue for",
    "name constraints about addresses",
    "CA without keyCertSign",
    "secp256k1 in the CA",
} | {name for name, kind in REJECTED.items() if kind().description == "itself"}


def list_codes(kind: Kind) -> list[str]:
    upload = parse(kind.file, kind.password or None)
    reasons = list_reasons_to_reject(upload.certificates, [parse_reference(kind.host)], datetime.now(UTC))
    return [finding.code.value for finding in reasons]


@pytest.mark.parametrize("name", ACCEPTED)
def test_files_whose_backend_gateways_accept_are_not_rejected(name):
    assert list_codes(ACCEPTED[name]()) == []


@pytest.mark.parametrize("name", sorted(BY_THE_FILE))
def test_files_whose_backend_gateways_reject_are_rejected(name):
    assert list_codes(REJECTED[name]()) != []


# A CA that signs for others need not name the host; a server's own certificate that calls itself a CA must.
ROOT = issue(ca=True, common_name="root")
CERTIFICATES = {
    "a root without names": (issue(ca=True, common_name="root"), []),
    "a root of Kubernetes": (issue("kubernetes", ca=True, more=[key_usage(key_cert_sign=True)]), []),
    "self-signed by openssl for another name": (issue("other.test", ca=True), ["ca-without-name"]),
    "self-signed by openssl, name only in CN": (issue(common_name=HOST, ca=True), ["address-as-dns-name"]),
    "expired": (issue(HOST, end=-DAY, start=-2 * DAY), ["expired"]),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_the_reason_is_a_finding(name):
    certificate, reasons = CERTIFICATES[name]
    assert list_codes(Kind(certificate, certificate.pem)) == reasons


def test_a_chain_is_judged_by_the_backends_own_certificate_and_its_issuers():
    good, bad = issue(HOST, by=ROOT), issue("other.test", by=ROOT)
    assert list_codes(Kind(good, good.pem + ROOT.pem)) == []
    assert list_codes(Kind(bad, bad.pem + ROOT.pem)) == ["name-mismatch"]
    assert list_codes(Kind(good, bad.pem + good.pem + ROOT.pem)) == []
    old = issue(ca=True, common_name="old", start=-9 * DAY, end=-DAY)
    below = issue(HOST, by=old)
    assert list_codes(Kind(below, below.pem + old.pem)) == ["expired"]


def test_without_a_required_name_names_are_not_examined():
    certificates = [read_certificate(issue("other.test").der)]
    assert list_reasons_to_reject(certificates, [], datetime.now(UTC)) == []
