"""
The database of the settings: where it is, and opening it once its server runs.
"""

import asyncio
from pathlib import Path

import structlog

from holdfast.network.sockets import CannotStart
from holdfast.server.clock import utc_now
from holdfast.server.machine.directories import locate_database
from holdfast.server.settings import Settings
from holdfast.store.database import Store
from holdfast.store.errors import StoreRefused, StoreUnreachable
from holdfast.store.location import Location

log = structlog.get_logger()
MAX_PASSWORD = 10_000  # characters of the file
PATIENCE = 60.0  # seconds that a start waits for the server of the database
PAUSE = 0.5  # seconds until it tries again


def read_location(settings: Settings, data: Path) -> Location:
    """Return where the database is: in the directory *data*, unless a server is set. Raises CannotStart."""
    if settings.database is None:
        return locate_database(data)
    # Only PostgreSQL needs the driver.
    from holdfast.store.postgresql.location import parse_location

    try:
        return parse_location(
            settings.database.get_secret_value(), _read_password(settings), settings.database_connections
        )
    except ValueError as error:
        raise CannotStart(f"HOLDFAST_DATABASE: {error}.") from None


async def open_store(location: Location) -> Store:
    """
    Open the database at *location*; its server has PATIENCE seconds to start.

    Raises:
        StoreFailure: The server can't be reached, refuses the connection, or the database can't be used.
    """
    if isinstance(location, Path):
        return Store(location, utc_now())
    loop = asyncio.get_running_loop()
    ends_at, waits = loop.time() + PATIENCE, False
    while True:
        try:
            return await asyncio.to_thread(Store, location, utc_now())
        except StoreRefused:
            raise
        except StoreUnreachable as error:
            if loop.time() > ends_at:
                raise
            if not waits:
                log.warning("waiting for the database", reason=str(error), seconds=PATIENCE)
                waits = True
        await asyncio.sleep(PAUSE)


def _read_password(settings: Settings) -> str:
    secret, file = settings.database_password, settings.database_password_file
    if secret is not None and file is not None:
        raise CannotStart("HOLDFAST_DATABASE_PASSWORD and HOLDFAST_DATABASE_PASSWORD_FILE are both set. Unset one.")
    if file is None:
        return secret.get_secret_value() if secret else ""
    try:
        with file.expanduser().open(encoding="utf-8") as source:
            password = source.read(MAX_PASSWORD).rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise CannotStart(f"HOLDFAST_DATABASE_PASSWORD_FILE: can't read {file}.") from error
    if not password:
        raise CannotStart(f"HOLDFAST_DATABASE_PASSWORD_FILE: {file} is empty.")
    return password
