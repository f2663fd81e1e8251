"""
How REST writes why a gateway rejects a backend.
"""

from holdfast.certificates.comparison import Difference
from holdfast.rest import responses
from holdfast.services.probing.verdicts import Verdict


def causes_of(verdict: Verdict) -> list[responses.RejectionCause]:
    """Write every cause, the first as `code`; only this one where the backend's certificates were not seen."""
    if verdict.faults:
        return [{"code": fault.cause, "difference": write_difference(fault.difference)} for fault in verdict.faults]
    return [{"code": verdict.cause, "difference": None}] if verdict.cause else []


def write_difference(difference: Difference | None) -> responses.Difference | None:
    """Write the field that differs."""
    if difference is None:
        return None
    return {"field": difference.field, "expected": difference.expected, "presented": difference.presented}


def suggestion_of(verdict: Verdict) -> responses.Suggestion | None:
    """Write which of the presented certificates helps if it is imported, in addition or instead of what is trusted."""
    if verdict.offer is None:
        return None
    return {
        "role": verdict.offer.role,
        "fingerprint": verdict.offer.certificate.fingerprint,
        "instead": verdict.offer.instead,
    }
