"""
The owners of APIs and endpoint certificates, who are notified.
"""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from holdfast.apis.errors import InvalidField
from holdfast.apis.notifications.owners import CHANNEL, check_owners
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.change_records import name_subject
from holdfast.services.errors import NotFound
from holdfast.services.versions import Expected, check_expected, make_owners_tag
from holdfast.store.audit import Action, OwnersOf
from holdfast.store.catalog import apis
from holdfast.store.notifications import channels, owners
from holdfast.store.trust import endpoint_certificates


def list_owners(context: Context, kind: str, name: str) -> tuple[str, ...]:
    """Return the owners of an `api` (by its id) or a `certificate` (by its alias). Raises NotPermitted, NotFound."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        key, _ = _find(session, context, kind, name)
        return owners.list_by_object(session, context.user.organization, [key]).get(key, ())


def change_owners(
    context: Context, kind: str, name: str, new_owners: Sequence[str], expected: Expected = None
) -> tuple[str, ...]:
    """
    Replace the owners of an `api` or a `certificate`.

    Raises NotPermitted, NotFound, InvalidField, and ContentChanged if the owners aren't as *expected*.
    """
    context.user.require(Permission.CHANGE_OWNERS)
    after = check_owners(new_owners)
    organization = context.user.organization
    with context.write() as session:
        key, subject = _find(session, context, kind, name)
        before = owners.list_by_object(session, organization, [key]).get(key, ())
        check_expected(expected, make_owners_tag(before))
        for owner in after:
            if owner.startswith(CHANNEL) and not channels.get(session, organization, owner.removeprefix(CHANNEL)):
                raise InvalidField("owners", f"No channel is called {owner.removeprefix(CHANNEL)!r}. Create it first.")
        if after != before:
            owners.save(session, organization, key, after)
            write_down(session, context.user, context.now, Action.CHANGE_OWNERS, subject, OwnersOf(before, after))
    return after


def _find(session: Session, context: Context, kind: str, name: str) -> tuple[str, str]:
    """Return how owners and audit events name an object. Raises NotFound."""
    organization = context.user.organization
    if kind == "api":
        api = apis.get(session, organization, name)
        if api is None:
            raise NotFound("API", name)
        return f"{kind}:{name}", name_subject(api)
    if kind != "certificate" or endpoint_certificates.get(session, organization, name) is None:
        raise NotFound("endpoint certificate", name)
    return f"{kind}:{name}", name
