"""Judges certificates of one file as the tests ask for it."""

from datetime import UTC, datetime

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.findings.examination import Finding, examine_all
from holdfast.certificates.identity import reference_identifier
from issuing import Issued

HOST = "backend.test"


def findings(*issued: Issued, host: str = HOST) -> list[Finding]:
    """Judge *issued* as one file for a backend at *host*; of several names in it one is enough, none are not judged."""
    references = [reference_identifier(name) for name in host.split()]
    return examine_all([read_certificate(each.der) for each in issued], references, datetime.now(UTC))


def told(*issued: Issued, host: str = HOST) -> dict[str, str]:
    """The codes with the severity that each has."""
    return {finding.code.value: finding.severity.value for finding in findings(*issued, host=host)}


def codes_of(one: Issued, *file: Issued, host: str = HOST) -> set[str]:
    """The codes that are told of *one* in a file."""
    fingerprint = read_certificate(one.der).fingerprint
    return {finding.code.value for finding in findings(*file, host=host) if finding.fingerprint == fingerprint}
