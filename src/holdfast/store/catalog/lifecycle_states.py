"""
Columns for the lifecycle states of APIs.

Earlier versions, which may use the same database during an upgrade, can't read states that they don't know. Such a
state is in separate columns, and the column `state` has the closest state that they know. If they change the row, only
`state` counts, because `updated_at` then differs.
"""

from datetime import datetime
from typing import TypedDict

from sqlalchemy import ColumnElement, case

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.lifecycle import State
from holdfast.store.tables import ApiRow

_CLOSEST = {State.BLOCKED: State.CREATED, State.PROTOTYPED: State.PUBLISHED}

EFFECTIVE_STATE: ColumnElement[str] = case(
    (ApiRow.newer_state_at == ApiRow.updated_at, ApiRow.newer_state), else_=ApiRow.state
)


class StateColumns(TypedDict):
    """The values of the columns."""

    state: str
    newer_state: str | None
    newer_state_at: datetime | None


def write_state(api: Api) -> StateColumns:
    """Return the columns for the state of *api*."""
    is_newer = api.state in _CLOSEST
    return {
        "state": _CLOSEST.get(api.state, api.state).value,
        "newer_state": api.state.value if is_newer else None,
        "newer_state_at": api.updated_at if is_newer else None,
    }


def read_state(row: ApiRow) -> State:
    """Return the state in the columns of *row*."""
    return State(row.newer_state if row.newer_state and row.newer_state_at == row.updated_at else row.state)
