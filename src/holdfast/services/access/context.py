"""
What a use case knows of the request that it serves.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.services.access.principal import Principal
from holdfast.store.database import Transactions


@dataclass(frozen=True, slots=True)
class Context:
    """
    The first argument of every use case: for whom it runs, when, and in which state of the database.

        def get_api(context: Context, api_id: str) -> Api:
            with context.read() as session:
                return get_or_raise(session, context.user.organization, api_id)

    Each door makes one for a request (`Runtime.context`), and its handlers take it as `context: RequestContext`. All
    that a request reads is then of one state: `store` is a RequestStore. What a background task makes, with a Store,
    begins a transaction with each `read`. What runs within a transaction takes `session, context`.
    """

    store: Transactions
    user: Principal
    now: datetime  # of the request: one moment for all that it does
    asks_callers: bool = False  # whether gateways ask callers for certificates, so that APIs may require them

    def read(self) -> AbstractContextManager[Session]:
        """Run queries, in the transaction of the request. Raises StoreFailure."""
        return self.store.read()

    def write(self) -> AbstractContextManager[Session]:
        """Run a transaction of its own; what is read afterwards sees it. Raises StoreFailure."""
        return self.store.write()

    def release(self) -> None:
        """End the transaction that the request reads in, before it waits for something else than the database."""
        self.store.release()
