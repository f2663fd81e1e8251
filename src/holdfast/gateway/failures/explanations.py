"""
Explanations of failed requests, and how to fix them, for the people who run the API. Pure.
"""

from dataclasses import replace

from holdfast.gateway.failures.backend_explanations import BACKEND_EXPLANATIONS
from holdfast.gateway.failures.causes import TOKEN_CAUSES, Cause
from holdfast.gateway.failures.explanation import Explanation
from holdfast.gateway.failures.presented_names import read_presented_names
from holdfast.gateway.failures.request_explanations import REQUEST_EXPLANATIONS
from holdfast.gateway.failures.tls_explanations import TLS_EXPLANATIONS
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits

EXPLANATIONS: dict[Cause, Explanation] = TLS_EXPLANATIONS | BACKEND_EXPLANATIONS | REQUEST_EXPLANATIONS


def explain(cause: Cause, reason: str, limits: BackendLimits = DEFAULT_LIMITS) -> Explanation:
    """Explain *cause* with the details in Envoy's *reason* and the gateways' *limits*."""
    explanation = EXPLANATIONS[cause]
    more = _explain_more(cause, reason, limits)
    return replace(explanation, sentence=f"{explanation.sentence} {more}") if more else explanation


def _explain_more(cause: Cause, reason: str, limits: BackendLimits) -> str:
    if cause in TOKEN_CAUSES:
        return f"The gateway reports: {reason}." if reason else ""
    match cause:
        case Cause.HOSTNAME_MISMATCH:
            names = read_presented_names(reason)
            return f"It has {names}." if names else ""
        case Cause.TOO_MANY_OPEN_REQUESTS:
            return (
                f"Limits, unless the endpoint has its own: open requests {limits.requests:,}, connections "
                f"{limits.connections:,}, requests waiting for a connection {limits.pending:,}, websockets "
                f"{limits.websockets:,}."
            )
        case Cause.RESPONSE_HEADERS_TOO_LARGE | Cause.TOO_MANY_RESPONSE_HEADERS | Cause.REQUEST_HEADERS_TOO_LARGE:
            return f"The gateway allows {limits.header_fields:,} fields and {limits.header_kib:,} KiB."
        case Cause.OTHER:
            return f"The gateway reports: {reason}." if reason else ""
    return ""
