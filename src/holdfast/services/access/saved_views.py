"""
Views of lists that a user saves for themselves: a name for a filter, a search and an order.
"""

from sqlalchemy.orm import Session

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible
from holdfast.services.access.context import Context
from holdfast.store.access import accounts, saved_views
from holdfast.store.access.accounts import User
from holdfast.store.access.saved_views import SavedView

MOST = 20  # of one list
_LONGEST_NAME = 40
_LONGEST_QUERY = 2_000


def list_views(context: Context, page: str) -> list[SavedView]:
    """Return the current user's views of *page*, ordered by name."""
    with context.read() as session:
        user = _find_user(session, context)
        return saved_views.list_of_page(session, user, page) if user else []


def save_view(context: Context, page: str, name: str, query: str) -> None:
    """Save a view of *page*, in place of one of the same name. Raises InvalidField."""
    name = check_visible(name.strip(), "name", "The name")
    if not name or len(name) > _LONGEST_NAME:
        raise InvalidField("name", f"Enter a name of 1 to {_LONGEST_NAME} characters.")
    if len(query) > _LONGEST_QUERY:
        raise InvalidField("name", "The search is too long to be saved.")
    with context.write() as session:
        user = _find_user(session, context)
        if user is None:
            return
        others = [view for view in saved_views.list_of_page(session, user, page) if view.name != name]
        if len(others) >= MOST:
            raise InvalidField("name", f"You can save {MOST} views. Delete one first.")
        saved_views.save(session, user, page, SavedView(name, query))


def delete_view(context: Context, page: str, name: str) -> None:
    """Delete a view of the current user if it exists."""
    with context.write() as session:
        if user := _find_user(session, context):
            saved_views.remove(session, user, page, name)


def _find_user(session: Session, context: Context) -> User | None:
    return accounts.get_user(session, context.user.organization, context.user.name)
