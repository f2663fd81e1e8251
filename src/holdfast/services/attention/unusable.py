"""
Backends that gateways refuse, because what is stored for them can't be read.
"""

from collections.abc import Iterator

from holdfast.services.access.context import Context
from holdfast.services.attention.item import Item, Kind, Urgency, format_count
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.store.catalog import apis


def examine_unusable(context: Context, enforcements: Enforcements) -> Iterator[Item]:
    """Yield an item about the origins of APIs whose certificates or gateway identity can't be read."""
    problems = enforcements.problems.list_of_organization(context.user.organization)
    if not problems:
        return
    with context.read() as session:
        ids_by_origin = apis.list_ids_by_origin(session, context.user.organization, problems)
    for origin, (api_id, *_) in sorted(ids_by_origin.items())[:1]:
        yield Item(
            Kind.UNUSABLE_BACKENDS,
            Urgency.NOW,
            len(ids_by_origin),
            format_count(len(ids_by_origin), "backend gets no requests", "backends get no requests")
            + ", because what is stored can't be read",
            f"{origin}: {problems[origin]}",
            f"/apis/{api_id}/endpoints?certificates",
            "Show endpoints",
        )
