"""
Checks of the database: integrity, version, permissions, and content that needs attention.
"""

import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from holdfast.doctor.check import Check, CheckResult, list_some
from holdfast.doctor.contents import check_contents
from holdfast.network.sockets import CannotStart
from holdfast.server.database.opening import read_location
from holdfast.server.machine.directories import is_held
from holdfast.server.settings import Settings
from holdfast.store import inspection, upgrade
from holdfast.store.errors import (
    StoreDamaged,
    StoreFailure,
    StoreForeign,
    StoreTooNew,
    StoreUnreadable,
)
from holdfast.store.location import PostgresqlLocation
from holdfast.store.recovery.integrity import find_damage, find_dangling
from holdfast.store.recovery.replacement import is_unfinished
from holdfast.store.recovery.write_ahead_log import check_log
from holdfast.store.revisions import get_newest_revision, get_revision, is_foreign, list_schema_revisions
from holdfast.store.sqlite.files import explain, open_to_read


def check_database(settings: Settings, data: Path, now: datetime) -> Iterator[Check]:
    """Yield the checks of the database and its content."""
    try:
        location = read_location(settings, data)
    except CannotStart as error:
        yield Check.failed("database", str(error), "Fix it before the next start.")
        return
    if isinstance(location, PostgresqlLocation):
        from holdfast.doctor.postgresql import check_postgresql  # SQLite doesn't need the driver

        yield from check_postgresql(location, settings, data, now, running=is_held(data))
        return
    yield from _check_file(location, settings, data, now)


def _check_file(path: Path, settings: Settings, data: Path, now: datetime) -> Iterator[Check]:
    try:
        if is_unfinished(path):
            text = f"A restore of {path} was interrupted."
            yield Check.warning("database", text, "The next `holdfast up` finishes it. You don't need to do anything.")
            return
        check_log(path)
        if not path.exists():
            yield Check.ok("database", f"{path} doesn't exist yet. `holdfast up` creates it.")
            return
        yield _check_writing(path)
        with open_to_read(path) as connection:
            if damage := find_damage(connection):
                yield _report_failure(StoreDamaged(path, list_some(damage)))
                return
            if is_foreign(connection):
                raise StoreForeign(path)
            yield Check.ok("database", f"{path} is intact.")
            yield _check_references(connection)
            level = _check_level(connection)
            yield level
            if level.outcome is not CheckResult.FAILED:
                yield from _check_upgrade(connection)
        if not level.advice:
            with inspection.open_to_inspect(path) as session:
                yield from check_contents(session, settings, data, now)
    except DatabaseError as error:
        explanation = explain(error.orig, path) if isinstance(error.orig, sqlite3.Error) else None
        yield _report_failure(explanation or StoreUnreadable(path, str(error.orig)))
    except StoreFailure as failure:
        yield _report_failure(failure)
    except OSError as error:
        yield _report_failure(StoreUnreadable(path, str(error)))


def _report_failure(failure: StoreFailure) -> Check:
    return Check.failed("database", failure.text, failure.advice)


def _check_references(connection: sqlite3.Connection) -> Check:
    if tables := find_dangling(connection):
        text = f"Rows refer to missing rows in {list_some(tables)}."
        return Check.warning("references", text, "Another program may have deleted rows. Compare with a backup.")
    return Check.ok("references", "All references between rows are intact.")


def _check_writing(path: Path) -> Check:
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK):
        return Check.ok("writing", f"{path} is writable.")
    return Check.failed(
        "writing", f"{path} or its directory isn't writable.", "Run this command as the user that runs Holdfast."
    )


def _check_level(connection: sqlite3.Connection) -> Check:
    current, newest = get_revision(connection), get_newest_revision()
    if current is None:
        return Check.warning("tables", "There are no tables yet.", "`holdfast up` creates them.")
    if current and current not in list_schema_revisions():
        failure = StoreTooNew(current)
        return Check.failed("tables", failure.text, failure.advice)
    if current != newest:
        text = f"The tables have revision {current}; this version of Holdfast needs {newest}."
        return Check.warning("tables", text, "The next `holdfast up` upgrades them. Make a backup first.")
    return Check.ok("tables", f"The tables have revision {current}, the current one.")


def _check_upgrade(connection: sqlite3.Connection) -> Iterator[Check]:
    """Yield checks of APIs that an earlier version stored and that this version treats differently."""
    revision = get_revision(connection)
    if revision is None:
        return
    apis = [str(api) for api in upgrade.list_apis_to_be_closed(connection, revision)]
    if apis:
        text = f"The next `holdfast up` enforces mutualssl in securityScheme. Then nobody can call {list_some(apis)}."
        advice = "First remove mutualssl from securityScheme, or plan to upload caller certificates."
        yield Check.warning("upgrade", text, advice)
    elif revision != get_newest_revision():
        yield Check.ok("upgrade", "The upgrade doesn't affect any API.")
    broken = [str(api) for api in upgrade.list_apis_without_endpoint(connection)]
    if broken:
        names = list_some(broken)
        text = f"This version rejects the URL of an endpoint of {names}, so gateways don't send requests to it."
        yield Check.warning("endpoints", text, "Change the endpoint's URL.")
    else:
        yield Check.ok("endpoints", "All endpoint URLs are valid.")
