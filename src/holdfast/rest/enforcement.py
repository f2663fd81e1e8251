"""
How far the trust of an origin has come at the gateways, as a member of answers.
"""

from typing import Any

from holdfast.services.runtime import Runtime


def enforced(running: Runtime, organization: str, origin: str) -> dict[str, Any]:
    """Make the member `enforcement` for *origin*."""
    found = running.enforcements.of_origins(organization, [origin])[origin]
    return {
        "enforcement": {
            "progress": found.progress.value,
            "gateways": found.gateways,
            "enforcedOn": found.enforced_on,
            "milliseconds": found.milliseconds,
            "reason": found.reason,
        }
    }
