"""
What became of an API: its way through the lifecycle.
"""

from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.lifecycle import State
from holdfast.services import catalog
from holdfast.services.permissions import Permission
from holdfast.services.principal import Principal
from holdfast.store import journal
from holdfast.store.database import Store


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
        return catalog.find_api(session, who, api_id).state


def history(store: Store, who: Principal, api_id: str) -> list[Step]:
    """Tell the states of an API since it was created, oldest first, from the audit events. Raises NotFound."""
    who.require(Permission.VIEW_APIS, Permission.PUBLISH_APIS)
    with store.read() as session:
        api = catalog.find_api(session, who, api_id)
        subject = catalog.audit_subject(api)
        events = journal.audit_events_of(session, who.organization, subject, catalog.LIFECYCLE)
    steps = [Step(None, State.CREATED, api.provider, api.created_at)]
    for event in events:
        before, _, after = event.detail.partition(" -> ")
        steps.append(Step(State(before), State(after), event.user, event.at))
    return steps
