"""
Certificates that the endpoint trusts under another alias, too.
"""

from collections.abc import Iterator

from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity


def judge_elsewhere(case: Case, alias: str) -> Iterator[Finding]:
    """Report that the endpoint trusts the certificate of *case* under *alias*; an empty one reports nothing."""
    if alias:
        message = f"This endpoint already trusts it under the alias {alias}."
        remedy = "Import it once. Otherwise, deleting one of the two doesn't stop the endpoint from trusting it."
        yield case.finding(Code.ALREADY_TRUSTED, Severity.WARNING, message, remedy)
