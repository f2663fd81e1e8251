"""
Is it what a caller presents? The gateway accepts exactly this certificate, and looks at nothing but its dates.
"""

from collections.abc import Iterator

from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity


def judge_caller(case: Case) -> Iterator[Finding]:
    """Say of a CA's certificate that nothing else is accepted because of it."""
    if case.certificate.is_ca:
        message = "It is marked as a CA. The gateway accepts this very certificate, and none that it issued."
        remedy = "Nothing, if the caller presents it itself. Else upload the callers' own certificates."
        yield case.finding(Code.ONLY_ITSELF, Severity.INFO, message, remedy)
