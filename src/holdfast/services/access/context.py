"""
The first argument of every use case: the user, the time and access to the database.
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
    The user who runs a use case, the time, and access to the database.

        def get_api(context: Context, api_id: str) -> Api:
            context.user.require(Permission.VIEW_APIS)
            with context.read() as session:
                return find_api(session, context, api_id)

    For each request, `Runtime.context` creates one with a RequestStore, so all reads see one state of the database;
    handlers take it as `context: RequestContext`. Background tasks create one with a Store, and each `read` is a
    separate transaction. Functions that run within a transaction take `session, context`.
    """

    store: Transactions
    user: Principal
    now: datetime  # when the request began; all steps use the same time
    asks_callers: bool = False  # whether gateways request caller certificates, so that APIs can require them

    def read(self) -> AbstractContextManager[Session]:
        """Open a read transaction: that of the request, if there is one. Raises StoreFailure."""
        return self.store.read()

    def write(self) -> AbstractContextManager[Session]:
        """Open a separate write transaction; later reads see what it wrote. Raises StoreFailure."""
        return self.store.write()

    def release(self) -> None:
        """End the read transaction of the request; call this before waiting for anything other than the database."""
        self.store.release()
