"""
An API's way through the lifecycle: the next step, and those that were taken.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import Described
from holdfast.apis.catalog.lifecycle import State, transit
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.catalog.apis import audit_subject, find_api, find_described, record
from holdfast.services.versions import Expected, check_expected, tag_of_api
from holdfast.store import journal
from holdfast.store.catalog import apis
from holdfast.store.database import Store

LIFECYCLE = "change lifecycle"  # what audit events call it


@dataclass(frozen=True, slots=True)
class Step:
    """A change of state: who made it, and when; *before* is None when the API was created."""

    before: State | None
    after: State
    user: str
    at: datetime


def state_of(store: Store, who: Principal, api_id: str) -> State:
    """Say in which state an API is. Raises NotFound."""
    who.require(Permission.VIEW_APIS, Permission.PUBLISH_APIS, Permission.CHANGE_APIS)
    with store.read() as session:
        return find_api(session, who, api_id).state


def history(store: Store, who: Principal, api_id: str) -> list[Step]:
    """Tell the states of an API since it was created, oldest first, from the audit events. Raises NotFound."""
    who.require(Permission.VIEW_APIS, Permission.PUBLISH_APIS)
    with store.read() as session:
        api = find_api(session, who, api_id)
        subject = audit_subject(api)
        events = journal.audit_events_of(session, who.organization, subject, LIFECYCLE)
    steps = [Step(None, State.CREATED, api.provider, api.created_at)]
    for event in events:
        before, _, after = event.detail.partition(" -> ")
        steps.append(Step(State(before), State(after), event.user, event.at))
    return steps


def change_lifecycle(store: Store, who: Principal, api_id: str, action: str, now: datetime) -> Api:
    """Move an API through its lifecycle. Raises as `move_described`."""
    return move_described(store, who, api_id, action, now).api


def move_described(
    store: Store,
    who: Principal,
    api_id: str,
    action: str,
    now: datetime,
    *,
    deprecate_others: bool = False,
    expected: Expected = None,
) -> Described:
    """
    Move an API through its lifecycle; *deprecate_others* takes the published versions beside it along.

    Raises:
        TransitionRefused: There is no such action from its state.
        NotFound: There is no such API.
        ContentChanged: It is not as *expected*.
    """
    who.require(Permission.PUBLISH_APIS)
    with store.write() as session:
        before = find_described(session, who, api_id)
        check_expected(expected, tag_of_api(before))
        after = move(session, who, before.api, action, now)
        if deprecate_others and after.state is State.PUBLISHED:
            for other in apis.sharing_name_or_context(session, who.organization, after.name, after.context):
                if other.id != after.id and other.name == after.name and other.state is State.PUBLISHED:
                    move(session, who, other, "Deprecate", now)
    return replace(before, api=after)


def move(session: Session, who: Principal, before: Api, action: str, now: datetime) -> Api:
    """Take *action* of the lifecycle, in the caller's transaction. Raises TransitionRefused."""
    after = replace(before, state=transit(before.state, action), updated_at=now)
    apis.update(session, after)
    record(session, who, LIFECYCLE, after, f"{before.state} -> {after.state}", now)
    return after
