"""
Queries for views of lists that users save.
"""

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.store.access.accounts import User
from holdfast.store.tables import SavedViewRow
from holdfast.store.upsert import upsert

_TABLE = SavedViewRow


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view: its name, and the query of the list's address, without "?"."""

    name: str
    query: str


def save(session: Session, user: User, page: str, view: SavedView) -> None:
    """Insert a view of *page*, or replace the one of the same name."""
    values = {
        "user_id": user.id,
        "page": page,
        "name": view.name,
        "organization_id": user.organization,
        "query": view.query,
    }
    is_own = _TABLE.organization_id == user.organization
    session.execute(upsert(session, _TABLE, values, ["user_id", "page", "name"], where=is_own))


def remove(session: Session, user: User, page: str, name: str) -> None:
    """Delete a view if it exists."""
    own = (_TABLE.organization_id == user.organization, _TABLE.user_id == user.id)
    session.execute(delete(_TABLE).where(*own, _TABLE.page == page, _TABLE.name == name))


def list_of_page(session: Session, user: User, page: str) -> list[SavedView]:
    """Return the user's views of *page*, ordered by name."""
    own = (_TABLE.organization_id == user.organization, _TABLE.user_id == user.id)
    query = select(_TABLE.name, _TABLE.query).where(*own, _TABLE.page == page).order_by(_TABLE.name)
    return [SavedView(*row) for row in session.execute(query)]
