"""
Why a gateway has no access token for a backend, as its agent reports it. Pure.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.gateway.failures.causes import TOKEN_CAUSES, Cause
from holdfast.gateway.failures.evidence import Evidence


@dataclass(frozen=True, slots=True)
class TokenProblem:
    """
    Why a gateway gets no token for a *backend*, named by its cluster: a code, and details.

    The details never contain a text of the token endpoint's answer. *valid_until*: requests carry the last token for
    so long (aware, UTC); None: they are rejected.
    """

    backend: str
    cause: str
    words: str
    valid_until: datetime | None = None


def name_cause(cause: Cause, evidence: Evidence, problem: TokenProblem | None) -> tuple[Cause, Evidence]:
    """Return cause and evidence of a request for which the gateway couldn't sign in: those of its *problem*, if any."""
    if problem is None or problem.cause not in TOKEN_CAUSES:
        return cause, evidence
    return Cause(problem.cause), replace(evidence, reason=problem.words)
