"""
The search over everything that a user may see: APIs, endpoint certificates, gateways and users.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.gateways import statuses
from holdfast.services.gateways.statuses import Sources
from holdfast.store.access import accounts
from holdfast.store.catalog import api_search
from holdfast.store.trust import inventory

MAX_QUERY = 200  # characters; the rest is ignored


class Kind(StrEnum):
    """The kind of a hit."""

    API = "api"
    CERTIFICATE = "certificate"
    GATEWAY = "gateway"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found; *key* is the ID of an API, an alias, or a name."""

    kind: Kind
    key: str
    title: str
    detail: str


def search(context: Context, sources: Sources, query: str, limit: int) -> list[Hit]:
    """
    Return up to *limit* of each kind that match all words of *query*: APIs by name, version, context and endpoints,
    certificates by alias, endpoint, names, serial number and fingerprint, gateways and users by name.

    Kinds that the user may not see are left out.
    """
    text = " ".join(query[:MAX_QUERY].lower().split())
    if not text:
        return []
    return [*_find(context, text, limit), *_find_gateways(context, sources, text, limit)]


def _find(context: Context, text: str, limit: int) -> Iterator[Hit]:
    user = context.user
    with context.read() as session:
        if user.may(Permission.VIEW_APIS):
            for api in api_search.search(session, user.organization, text.split(), limit):
                yield Hit(Kind.API, api.id, f"{api.name} {api.version}", api.production or api.sandbox or "")
        if user.may(Permission.VIEW_ENDPOINT_CERTIFICATES):
            for entry in inventory.find(session, user.organization, inventory.Filter(query=text), limit=limit):
                yield Hit(Kind.CERTIFICATE, entry.alias, entry.alias, f"{entry.common_name}, {entry.endpoint}")
        if user.may(Permission.MANAGE_USERS):
            for account in accounts.find_users(session, user.organization, limit=limit, name=text)[0]:
                yield Hit(Kind.USER, account.name, account.name, ", ".join(sorted(account.roles)))


def _find_gateways(context: Context, sources: Sources, text: str, limit: int) -> list[Hit]:
    if not context.user.may(Permission.VIEW_APIS):
        return []
    matches = (status for status in statuses.list_statuses(context, sources) if text in status.name.lower())
    return [Hit(Kind.GATEWAY, status.name, status.name, status.group) for status in matches][:limit]
