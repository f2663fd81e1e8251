"""
The reasons in responses why a gateway rejects a backend.
"""

from holdfast.certificates.comparison import Difference
from holdfast.rest import responses
from holdfast.services.probing.verdicts import Verdict


def list_causes(verdict: Verdict) -> list[responses.RejectionCause]:
    """Describe every cause; only the verdict's own if Holdfast didn't see the backend's certificates."""
    if verdict.faults:
        return [{"code": fault.cause, "difference": write_difference(fault.difference)} for fault in verdict.faults]
    return [{"code": verdict.cause, "difference": None}] if verdict.cause else []


def write_difference(difference: Difference | None) -> responses.Difference | None:
    """Describe the field that differs, None if there is none."""
    if difference is None:
        return None
    return {"field": difference.field, "expected": difference.expected, "presented": difference.presented}


def describe_suggestion(verdict: Verdict) -> responses.Suggestion | None:
    """Describe the presented certificate whose import would help, None if there is none."""
    if verdict.offer is None:
        return None
    return {
        "role": verdict.offer.role,
        "fingerprint": verdict.offer.certificate.fingerprint,
        "instead": verdict.offer.instead,
    }
