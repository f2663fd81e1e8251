"""
A control plane that only notifies people, as long as it has the lease.

    python clerk_process.py LOCATION NAME

LOCATION is JSON: the path of an SQLite file, or the members of a PostgresqlLocation. The lease is shorter than in
production.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from holdfast.server.clock import utc_now
from holdfast.services.background import Background
from holdfast.services.control_planes.lease import Lease
from holdfast.store.database import Store
from holdfast.store.location import Location, PostgresqlLocation
from services.notifying import Office

LASTS = timedelta(seconds=1)


def write_location(location: Location) -> str:
    """Return *location* as an argument."""
    return json.dumps(str(location) if isinstance(location, Path) else asdict(location))


def read_location(text: str) -> Location:
    """Return the location that was written."""
    location = json.loads(text)
    return Path(location) if isinstance(location, str) else PostgresqlLocation(**location)


async def run(location: str, name: str) -> None:
    """Notify people forever."""
    store = Store(read_location(location), utc_now())
    lease = Lease(store, name, shared=True, lasts=LASTS)
    office = Office(store, lambda: datetime.now(UTC))
    async with Background() as background:
        background.start("lease", lease.follow)
        background.start("notifications", lambda: lease.run(office.clerk.follow))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
