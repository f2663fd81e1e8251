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
    """Give the context of a request that *user* makes *now*, which is the machine's time where it doesn't matter."""
    return Context(store, user, now or datetime.now(UTC), asks_callers)
