"""
Backends and APIs that gateways refuse, because what is stored of them can't be read.
"""

from collections.abc import Iterator

from holdfast.services.access.context import Context
from holdfast.services.attention.item import Item, Kind, Urgency, format_count
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.store.catalog import apis


def examine_unusable(context: Context, enforcements: Enforcements) -> Iterator[Item]:
    """Yield items about the origins of APIs whose certificates or gateway identity can't be read, and about APIs."""
    unreadable_apis = enforcements.problems.list_apis(context.user.organization)
    for api_id, problem in sorted(unreadable_apis.items())[:1]:
        number = len(unreadable_apis)
        yield Item(
            Kind.UNREADABLE_APIS,
            Urgency.NOW,
            number,
            format_count(number, "API can't be read completely", "APIs can't be read completely"),
            problem,
            f"/apis/{api_id}",
            "Show API",
        )
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
