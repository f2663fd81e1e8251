"""
Reading the audit log: lists, the history of an object, and everything in the order of the chain.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from holdfast.services.access.audit_objects import ObjectKind, find_api_id, find_kind
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.store import audit_chain, audit_events
from holdfast.store.access import accounts
from holdfast.store.audit_chain import ChainState
from holdfast.store.audit_events import Filter, LoggedEvent, Place
from holdfast.store.catalog import apis
from holdfast.store.trust import endpoint_certificates

HISTORY = 50  # events
_AT_ONCE = 500
_MOST_USERS = 200


def list_events(context: Context, event_filter: Filter, before: Place | None, limit: int) -> list[LoggedEvent]:
    """List at most *limit* events *before* a place, the newest first. Raises NotPermitted."""
    context.user.require(Permission.READ_AUDIT_LOG)
    with context.read() as session:
        return audit_events.find_newest(session, context.user.organization, event_filter, before, limit)


def list_users(context: Context) -> Sequence[str]:
    """List the users who caused events. Raises NotPermitted."""
    context.user.require(Permission.READ_AUDIT_LOG)
    with context.read() as session:
        return audit_events.list_users(session, context.user.organization, _MOST_USERS)


def get_chain(context: Context) -> ChainState:
    """Return where the hash chain of the organization's events begins and ends. Raises NotPermitted."""
    context.user.require(Permission.READ_AUDIT_LOG)
    with context.read() as session:
        return audit_chain.get_state(session, context.user.organization)


def stream_events(context: Context, event_filter: Filter) -> Iterator[list[LoggedEvent]]:
    """Yield all matching events in the order of the chain, some from each transaction. Raises NotPermitted."""
    context.user.require(Permission.READ_AUDIT_LOG)
    return _stream(context, event_filter)


def list_history(context: Context, subjects: Sequence[str], actions: Sequence[str] = ()) -> list[LoggedEvent]:
    """
    Return the latest events about any of these subjects, the newest first; with *actions*, only these.

    Everyone who can view APIs can see who changed what. Addresses and request IDs need the permission to read the audit
    log. Raises NotPermitted.
    """
    context.user.require(Permission.VIEW_APIS)
    event_filter = Filter(subjects=tuple(subjects), actions=tuple(actions))
    with context.read() as session:
        events = audit_events.find_newest(session, context.user.organization, event_filter, None, HISTORY)
    if context.user.may(Permission.READ_AUDIT_LOG):
        return events
    return [replace(entry, event=replace(entry.event, address=None, request_id=None), members={}) for entry in events]


def find_existing(context: Context, events: Iterable[LoggedEvent]) -> set[tuple[ObjectKind, str]]:
    """Return those APIs, by ID, certificates and users, by name, that *events* are about and that still exist."""
    api_ids = {api_id for entry in events if (api_id := find_api_id(entry.event))}
    aliases = {entry.event.subject for entry in events if find_kind(entry.event.action) is ObjectKind.CERTIFICATES}
    names = {entry.event.subject for entry in events if find_kind(entry.event.action) is ObjectKind.USERS}
    with context.read() as session:
        existing_ids = apis.list_names(session, context.user.organization, api_ids)
        certificates = {
            certificate.alias
            for certificate in endpoint_certificates.list_with_aliases(session, context.user.organization, aliases)
        }
        users = {name for name in names if accounts.get_user(session, context.user.organization, name)}
    by_kind = {ObjectKind.APIS: existing_ids, ObjectKind.CERTIFICATES: certificates, ObjectKind.USERS: users}
    return {(kind, name) for kind, names in by_kind.items() for name in names}


def _stream(context: Context, event_filter: Filter) -> Iterator[list[LoggedEvent]]:
    last: int | None = None
    while True:
        with context.read() as session:
            events = audit_events.find_following(session, context.user.organization, event_filter, last, _AT_ONCE)
        context.release()
        if events:
            yield events
        if len(events) < _AT_ONCE:
            return
        last = events[-1].id
