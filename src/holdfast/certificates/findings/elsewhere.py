"""
Findings about certificates that the endpoint already trusts under another alias.
"""

from collections.abc import Iterator

from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity


def judge_elsewhere(case: Case, alias: str) -> Iterator[Finding]:
    """Report that the endpoint trusts the certificate of *case* under *alias*; report nothing if that is empty."""
    if alias:
        message = f"This endpoint already trusts it under the alias {alias}."
        remedy = "Import it only once. Otherwise, the endpoint still trusts it after you delete one of the two aliases."
        yield case.build_finding(Code.ALREADY_TRUSTED, Severity.WARNING, message, remedy)
