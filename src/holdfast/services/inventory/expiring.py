"""
Certificates that expire, for the timeline, notifications and the page Home.
"""

from datetime import datetime

from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.inventory.completion import complete_facts
from holdfast.store.trust import expiring
from holdfast.store.trust.expiring import ExpiringCertificate


def find_expiring(
    context: Context, before: datetime, after: datetime | None = None, limit: int | None = None
) -> list[ExpiringCertificate]:
    """Return the certificates that expire before *before*, and not before *after*; the first to expire first."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    complete_facts(context.store, context.user.organization)
    with context.read() as session:
        return expiring.find(session, context.user.organization, before, after, limit)
