"""
Contexts to call use cases with.

    apis.get_api(context_of(store, anna), api_id)
    lifecycle.change_lifecycle(context_of(store, anna, clock()), api_id, "Publish")
"""

from datetime import UTC, datetime

from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.store.database import Transactions


def context_of(
    store: Transactions, user: Principal, now: datetime | None = None, *, asks_callers: bool = False
) -> Context:
    """Return the context of a request by *user* at the time *now*, by default the current time."""
    return Context(store, user, now or datetime.now(UTC), asks_callers)
