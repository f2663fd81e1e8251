"""Examines certificates of one file for the tests."""

from datetime import UTC, datetime

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.findings.examination import Finding, examine_all
from holdfast.certificates.identity import parse_reference
from issuing import Identity

HOST = "backend.test"


def findings(*chain: Identity, host: str = HOST) -> list[Finding]:
    """Examine *chain* as one file for a backend that presents one of the names in *host* (empty: any name)."""
    references = [parse_reference(name) for name in host.split()]
    return examine_all([read_certificate(certificate.der) for certificate in chain], references, datetime.now(UTC))


def judge(*chain: Identity, host: str = HOST) -> dict[str, str]:
    """Return the codes of the findings with their severities."""
    return {finding.code.value: finding.severity.value for finding in findings(*chain, host=host)}


def codes_of(one: Identity, *file: Identity, host: str = HOST) -> set[str]:
    """Return the codes of the findings about *one* in *file*."""
    fingerprint = read_certificate(one.der).fingerprint
    return {finding.code.value for finding in findings(*file, host=host) if finding.fingerprint == fingerprint}
