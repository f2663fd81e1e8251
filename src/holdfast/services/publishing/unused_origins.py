"""
Origins that no gateway needs, because no API has them, or only retired ones.
"""

from collections.abc import Mapping
from dataclasses import replace

from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.services.access.context import Context
from holdfast.store import api_origins

NO_API = "No API has this endpoint"
ONLY_RETIRED = "Only retired APIs have this endpoint"


def explain_unused(context: Context, enforcements: Mapping[str, Enforcement]) -> dict[str, Enforcement]:
    """Return *enforcements* by origin, with the reason where no API can be published that has the origin."""
    unserved = {origin for origin, enforcement in enforcements.items() if enforcement.progress is Progress.NOT_SERVED}
    if not unserved:
        return dict(enforcements)
    with context.read() as session:
        states = api_origins.list_states(session, context.user.organization, unserved)
    reasons = {origin: NO_API for origin in unserved if origin not in states}
    reasons |= {origin: ONLY_RETIRED for origin in states if states[origin] == {State.RETIRED}}
    return {**enforcements, **{origin: replace(enforcements[origin], reason=reasons[origin]) for origin in reasons}}
