"""
How far the trust of an origin, or who may call an API, has come at the gateways, as a member of answers.
"""

from typing import Any

from holdfast.apis.enforcement import Enforcement
from holdfast.services.access.context import Context
from holdfast.services.runtime import Runtime


def enforced(runtime: Runtime, context: Context, subject: str) -> dict[str, Any]:
    """Make the member `enforcement` for an origin, or for the id of an API whose callers need a certificate."""
    return {"enforcement": write_enforcement(runtime.enforcements.of_origins(context, [subject])[subject])}


def write_enforcement(found: Enforcement) -> dict[str, Any]:
    """Write how far a change has come."""
    return {
        "progress": found.progress.words,
        "gateways": found.gateways,
        "enforcedOn": found.enforced_on,
        "milliseconds": found.milliseconds,
        "reason": found.reason,
    }
