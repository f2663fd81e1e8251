"""
The lifecycle of an API: change its state, and list past changes.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.api_types import refuse_unserved_type
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.lifecycle import State, is_repeated, transit
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_api, find_full_api
from holdfast.services.catalog.change_records import name_subject, record
from holdfast.services.catalog.default_versions import settle_versions
from holdfast.services.versions import Expected, check_expected, make_api_tag
from holdfast.store import journal
from holdfast.store.audit import Action, StateChange
from holdfast.store.catalog import api_documents, apis
from holdfast.store.journal import AuditEvent


@dataclass(frozen=True, slots=True)
class Step:
    """A change of state by *user*; *before* is None for the creation of the API."""

    before: State | None
    after: State
    user: str
    at: datetime


def get_state(context: Context, api_id: str) -> State:
    """Return the state of an API. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS, Permission.PUBLISH_APIS, Permission.CHANGE_APIS)
    with context.read() as session:
        return find_api(session, context, api_id).state


def list_steps(context: Context, api_id: str) -> list[Step]:
    """
    Return the changes of state of an API since it was created, oldest first, from its audit events. Raises NotFound.

    Events that don't name two states are left out: early versions stored only text, which may lack them.
    """
    context.user.require(Permission.VIEW_APIS, Permission.PUBLISH_APIS)
    with context.read() as session:
        api = find_api(session, context, api_id)
        subject = name_subject(api)
        events = journal.list_audit_events_about(session, context.user.organization, subject, Action.CHANGE_LIFECYCLE)
    first_step = Step(None, State.CREATED, api.provider, api.created_at)
    return [first_step, *filter(None, map(_read_step, events))]


def change_lifecycle(context: Context, api_id: str, action: str) -> Api:
    """Apply a lifecycle action to an API. Raises what `move_full_api` raises."""
    return move_full_api(context, api_id, action).api


def move_full_api(
    context: Context,
    api_id: str,
    action: str,
    *,
    deprecate_others: bool = False,
    expected: Expected = None,
) -> FullApi:
    """
    Apply a lifecycle action to an API; *deprecate_others* deprecates its other published versions when it is published.

    Publishing a published API changes nothing, because pipelines repeat it.

    Raises:
        TransitionRefused: The action isn't possible in its state.
        InvalidField: It would be published, but no gateway serves APIs of its type.
        NotFound: The API doesn't exist.
        ContentChanged: The API isn't as *expected*.
    """
    context.user.require(Permission.PUBLISH_APIS)
    with context.write() as session:
        before = find_full_api(session, context, api_id)
        check_expected(expected, make_api_tag(before))
        if is_repeated(before.api.state, action):
            return before
        after = move(session, context, before.api, action)
        if deprecate_others and after.state is State.PUBLISHED:
            for other in apis.list_sharing_name_or_context(
                session, context.user.organization, after.name, after.context
            ):
                if other.id != after.id and other.name == after.name and other.state is State.PUBLISHED:
                    move(session, context, other, "Deprecate")
    return replace(before, api=after)


def move(session: Session, context: Context, before: Api, action: str) -> Api:
    """
    Apply a lifecycle action, in the caller's transaction.

    Raises TransitionRefused, and InvalidField if no gateway serves APIs of its type.
    """
    after = replace(before, state=transit(before.state, action), updated_at=context.now)
    if after.state.is_live and not before.state.is_live:
        refuse_unserved_type(api_documents.list_types(session, after.organization, [after.id]).get(after.id))
    apis.update(session, after)
    record(session, context, Action.CHANGE_LIFECYCLE, after, StateChange(before.state, after.state))
    return settle_versions(session, context, after)


def _read_step(event: AuditEvent) -> Step | None:
    before, after = event.details.get("before"), event.details.get("after")
    if before not in list(State) or after not in list(State):
        return None
    return Step(State(before), State(after), event.user, event.at)
