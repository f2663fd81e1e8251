"""
How far a policy has come at the gateways, as a member of answers.
"""

from holdfast.apis.enforcement import Enforcement, Policy
from holdfast.rest import responses
from holdfast.services.access.context import Context
from holdfast.services.runtime import Runtime


def enforced(runtime: Runtime, context: Context, policy: Policy) -> responses.Enforced:
    """Make the member `enforcement` for *policy*."""
    return {"enforcement": write_enforcement(runtime.enforcements.of(context, policy))}


def write_enforcement(found: Enforcement) -> responses.Enforcement:
    """Write how far a change has come."""
    return {
        "progress": found.progress.words,
        "gateways": found.gateways,
        "enforcedOn": found.enforced_on,
        "milliseconds": found.milliseconds,
        "reason": found.reason,
    }
