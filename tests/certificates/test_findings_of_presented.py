"""Findings about a presented chain, in which each certificate has a role and none is imported."""

from datetime import UTC, datetime

import pytest

from holdfast.certificates.findings.examination import Code, Finding, Severity, examine_presented
from holdfast.certificates.identity import parse_reference
from issuing import CLIENTS_ONLY, DAY, MD5_WITH_RSA, UNKNOWN_EXTENSION, Identity, alter, issue, key_usage
from kinds import ACCEPTED, HOST, INTERMEDIATE, REJECTED, ROOT, RSA_ROOT
from presented import SEVERAL, chain_of

NOW = datetime.now(UTC)
KINDS = ACCEPTED | REJECTED | SEVERAL
EXPIRED = {"start": -9 * DAY, "end": -DAY}


def examine(leaf: Identity, host: str = HOST) -> list[Finding]:
    return examine_presented(chain_of(leaf), [parse_reference(host)], NOW)


def list_codes(leaf: Identity) -> list[str]:
    return [finding.code.value for finding in examine(leaf)]


def issue_through(**options: object) -> Identity:
    options = {"ca": True, "common_name": "intermediate"} | options
    return issue(HOST, by=issue(by=ROOT, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", KINDS)
def test_findings_of_presented_certificates_do_not_mention_files_or_imports(name: str):
    leaf = KINDS[name]().identity
    assert leaf
    for finding in examine(leaf):
        assert "imported" not in finding.message, finding
        assert "in the file" not in finding.message + finding.remedy, finding
        assert "Import " not in finding.remedy, finding


@pytest.mark.parametrize(
    "leaf",
    [
        issue(HOST, by=ROOT),
        issue(HOST, by=INTERMEDIATE).followed_by(INTERMEDIATE, ROOT),
        issue(HOST, ca=True),
        issue(HOST, ca=None),
    ],
)
def test_an_ordinary_chain_has_no_findings(leaf: Identity):
    assert list_codes(leaf) == []


def test_the_first_certificate_is_always_the_backends_own():
    own = issue(HOST, ca=True, more=[key_usage(key_cert_sign=True)])
    assert list_codes(own) == ["no-digital-signature"]
    assert list_codes(issue("other.test", ca=True)) == ["name-mismatch"]
    assert "ca-for-any-name" not in list_codes(issue(HOST, by=ROOT).followed_by(ROOT))


@pytest.mark.parametrize(
    ("leaf", "code", "about"),
    [
        (issue_through(**EXPIRED), Code.EXPIRED, "rejects chains through it"),
        (issue(HOST, by=ROOT, **EXPIRED), Code.EXPIRED, "rejects the backend"),
        (issue_through(purpose=CLIENTS_ONLY), Code.NO_SERVER_AUTH, "rejects chains through it, unless"),
        (issue(HOST, by=ROOT, purpose=CLIENTS_ONLY), Code.NO_SERVER_AUTH, "rejects the backend, unless"),
        (
            issue_through(more=[(UNKNOWN_EXTENSION, True)]),
            Code.UNKNOWN_CRITICAL_EXTENSION,
            "rejects chains through it, unless",
        ),
        (issue_through(ca=None), Code.CA_WITHOUT_BASIC_CONSTRAINTS, "rejects chains through it, unless"),
        (issue_through(ca=False), Code.NOT_A_CA, "rejects chains through it, unless"),
        (alter(issue(HOST, by=RSA_ROOT), RSA_ROOT, MD5_WITH_RSA), Code.WEAK_SIGNATURE, "rejects the backend, unless"),
    ],
)
def test_certificates_that_a_gateway_rejects_in_a_chain_are_errors(leaf: Identity, code: Code, about: str):
    """Gateways reject these below a trusted root, see docs/reference/verdicts.md."""
    (finding,) = (finding for finding in examine(leaf) if finding.code is code)
    assert finding.severity is Severity.ERROR
    assert about in finding.message
    assert "import" not in finding.remedy.lower()


def test_a_wrong_order_and_duplicates_in_a_chain_are_only_info():
    findings = examine(issue(HOST, by=INTERMEDIATE).followed_by(ROOT, INTERMEDIATE, INTERMEDIATE))
    assert {finding.code for finding in findings} == {Code.CHAIN_OUT_OF_ORDER, Code.DUPLICATE}
    assert {finding.severity for finding in findings} == {Severity.INFO}
