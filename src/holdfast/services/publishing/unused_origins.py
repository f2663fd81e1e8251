"""
Origins that no gateway needs, because no API has them.
"""

from collections.abc import Mapping
from dataclasses import replace

from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.services.access.context import Context
from holdfast.store.trust import inventory

NO_API = "No API has this endpoint"


def explain_unused(context: Context, enforcements: Mapping[str, Enforcement]) -> dict[str, Enforcement]:
    """Return *enforcements* by origin, with the reason where no API has the origin."""
    unserved = {origin for origin, enforcement in enforcements.items() if enforcement.progress is Progress.NOT_SERVED}
    if not unserved:
        return dict(enforcements)
    with context.read() as session:
        unused = unserved - inventory.list_users(session, context.user.organization, unserved).keys()
    return {**enforcements, **{origin: replace(enforcements[origin], reason=NO_API) for origin in unused}}
