"""
Checks of a PostgreSQL database: the server, the connection to it, permissions, version and references.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from holdfast.doctor.check import Check, CheckResult, list_some
from holdfast.doctor.contents import check_contents
from holdfast.server.clock import utc_now
from holdfast.server.settings import Settings
from holdfast.store.errors import StoreFailure
from holdfast.store.location import PostgresqlLocation
from holdfast.store.postgresql import inspection
from holdfast.store.postgresql.inspection import ServerState
from holdfast.store.revisions import get_newest_revision

CLOCKS = 2.0  # seconds that clocks may differ: sessions and waits after failed sign-ins are a matter of seconds
HEARD_WITHIN = 2.0  # seconds
_TABLES = "tables"


def check_postgresql(
    location: PostgresqlLocation, settings: Settings, data: Path, now: datetime, *, running: bool
) -> Iterator[Check]:
    """Yield the checks of a database and its content; *running*: of a control plane that is connected already."""
    try:
        with inspection.open_to_inspect(location) as session:
            state = inspection.examine_server(session, utc_now)
            yield Check.ok("database", f"{location} is reachable: PostgreSQL {state.version}, encoding UTF8.")
            yield _check_tls(location, state)
            yield _check_writing(session, state)
            yield _check_durability(state)
            yield _check_clock(state)
            yield _check_connections(location, state, running=running)
            yield _check_notifications(location)
            tables = _check_tables(session, location)
            yield tables
            if tables.outcome is CheckResult.OK:
                yield _check_references(session)
                yield from check_contents(session, settings, data, now)
    except StoreFailure as failure:
        yield Check.failed("database", failure.text, failure.advice)
    except DBAPIError as error:
        text = f"{location} can't be examined: {' '.join(str(error.orig).split())}."
        yield Check.failed("database", text, "Run this command with the settings of `holdfast up`.")


def _check_tls(location: PostgresqlLocation, state: ServerState) -> Check:
    name = "database connection"
    if location.weak_tls:
        text = f"sslmode={location.weak_tls} doesn't verify the server, so others on the network can pose as it."
        return Check.warning(name, text, "Use sslmode=verify-full, and sslrootcert for a private CA.")
    if state.tls:
        return Check.ok(name, f"The connection uses {state.tls}.")
    if state.is_local:
        return Check.ok(name, "The server is on this machine, so the connection needs no TLS.")
    return Check.warning(
        name, "The connection isn't encrypted.", "Use sslmode=verify-full, unless a proxy on this machine encrypts it."
    )


def _check_writing(session: Session, state: ServerState) -> Check:
    if state.is_read_only:
        advice = "Connect to the primary server, or turn off default_transaction_read_only."
        return Check.failed("writing", "The server is read-only: it is a standby, or set to read-only.", advice)
    if missing := inspection.list_missing_privileges(session):
        advice = (
            "Let Holdfast's role own the database and its tables (`REASSIGN OWNED`, `ALTER DATABASE ... OWNER TO`)."
        )
        return Check.failed("writing", f"Holdfast's role lacks {list_some(missing)}.", advice)
    return Check.ok("writing", "Holdfast's role can read, write and migrate the tables.")


def _check_durability(state: ServerState) -> Check:
    if state.lossy:
        text = f"A crash of the server's machine can lose changes that were acknowledged: {', '.join(state.lossy)}."
        return Check.warning("durability", text, "Turn them on in postgresql.conf.")
    return Check.ok("durability", "The server writes each change to disk before it acknowledges it.")


def _check_clock(state: ServerState) -> Check:
    seconds = abs(state.seconds_ahead)
    if seconds > CLOCKS:
        direction = "ahead of" if state.seconds_ahead > 0 else "behind"
        text = f"The server's clock is {seconds:.0f} s {direction} this machine's."
        return Check.warning("database clock", text, "Synchronize both clocks (NTP).")
    return Check.ok("database clock", f"The server's clock and this machine's agree within {CLOCKS:.0f} s.")


def _check_connections(location: PostgresqlLocation, state: ServerState, *, running: bool) -> Check:
    name, required = "database connections", location.connections + 1  # and one for notifications
    text = f"The server has {state.free_connections} free connections; a control plane opens up to {required}."
    if state.free_connections < required and not running:
        return Check.warning(name, text, "Raise max_connections there, or lower HOLDFAST_DATABASE_CONNECTIONS.")
    return Check.ok(name, text)


def _check_notifications(location: PostgresqlLocation) -> Check:
    if inspection.hears_notifications(location, HEARD_WITHIN):
        return Check.ok("notifications", "Control planes are notified of each other's changes (LISTEN and NOTIFY).")
    text = "Notifications don't arrive, so control planes notice each other's changes within a second, by polling."
    advice = "To notice them at once, connect directly, or set PgBouncer to pool_mode=session."
    return Check.warning("notifications", text, advice)


def _check_tables(session: Session, location: PostgresqlLocation) -> Check:
    state = inspection.examine_revision(session, location)
    if state.revision is None:
        return Check.warning(
            _TABLES, "There are no tables yet.", "`holdfast up` or `holdfast database migrate` creates them."
        )
    if state.is_outdated:
        text = f"The tables have revision {state.revision}; this version of Holdfast needs {get_newest_revision()}."
        return Check.warning(_TABLES, text, "`holdfast database migrate` or the next `holdfast up` upgrades them.")
    if state.revision != get_newest_revision():
        return Check.ok(
            _TABLES, f"The tables have revision {state.revision}, of a later version, which this one can use."
        )
    return Check.ok(_TABLES, f"The tables have revision {state.revision}, the current one.")


def _check_references(session: Session) -> Check:
    if tables := inspection.find_dangling(session):
        text = f"Rows refer to missing rows in {list_some(tables)}."
        return Check.warning("references", text, "A restore may have turned off constraints. Compare with a backup.")
    return Check.ok("references", "All references between rows are intact.")
