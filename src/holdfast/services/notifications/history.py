"""
Notifications, and their delivery.
"""

from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.store.notifications import history
from holdfast.store.notifications.history import SentNotification


def list_notifications(context: Context, offset: int, limit: int) -> tuple[list[SentNotification], int]:
    """Return a page of the organization's notifications, newest first, and their number. Raises NotPermitted."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    with context.read() as session:
        return history.find(session, context.user.organization, offset, limit)
