"""
Contents of a database, read with SQL that works for every revision of its tables.
"""

import json
import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.store.errors import StoreForeign, StoreTooNew
from holdfast.store.revisions import get_revision, list_schema_revisions, list_tables
from holdfast.store.sealing import CannotUnseal, Sealing
from holdfast.store.sqlite.files import open_to_read

_ALWAYS = {"organization", "user_account", "api", "certificate", "audit_event", "change"}  # tables since revision 0001
COLUMNS = (  # of sealed secrets; those of endpoint security are in JSON
    ("client_certificate", "sealed_key"),
    ("client_certificate", "request_sealed_key"),
    ("gateway_authority", "sealed_key"),
    ("notification_channel", "sealed"),
)

_SECURITY = ("production_security", "sandbox_security")  # columns of APIs


@dataclass(frozen=True, slots=True)
class Contents:
    """The revision of the tables, and the numbers of APIs and sealed secrets in all organizations."""

    revision: str
    apis: int
    secrets: int


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A sealed secret, and the organization and row that it was sealed for."""

    organization: str
    row: str
    sealed: bytes


def read_contents(path: Path) -> Contents:
    """
    Return the contents of the database at *path*.

    Raises:
        StoreFailure: StoreTooNew, StoreForeign, or it can't be read.
    """
    with open_to_read(path) as connection:
        revision = get_revision(connection)
        if revision is None or not list_tables(connection) >= _ALWAYS:
            raise StoreForeign(path)
        if revision not in list_schema_revisions():
            raise StoreTooNew(revision)
        apis = connection.execute("SELECT count(*) FROM api").fetchone()[0]
        return Contents(revision, apis, sum(1 for _ in list_sealed_secrets(connection)))


def list_sealed_secrets(connection: sqlite3.Connection) -> Iterator[StoredSecret]:
    """Yield all sealed secrets: private keys, endpoint credentials, and the secrets of notification channels."""
    tables = list_tables(connection)
    for table, column in COLUMNS:
        if table not in tables:
            continue
        query = f"SELECT organization_id, id, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608
        for row in connection.execute(query):
            yield StoredSecret(*row)
    present = {row[1] for row in connection.execute("PRAGMA table_info(api)")}
    for column in filter(present.__contains__, _SECURITY):
        query = f"SELECT organization_id, {column} FROM api WHERE {column} IS NOT NULL"  # noqa: S608
        for organization, values in connection.execute(query):
            security = json.loads(values)
            for generation in (security, *security.get("earlier", ())):
                of_grant = generation.get("password_grant") or {}
                for secret in filter(None, (generation.get("secret"), *of_grant.values())):
                    yield StoredSecret(organization, secret["id"], b64decode(secret["sealed"]))


def count_lost(database: Path, sealing: Sealing) -> tuple[int, str]:
    """Return the number of secrets that *sealing* can't decrypt, and why not the last one. Raises StoreFailure."""
    count, why = 0, ""
    with open_to_read(database) as connection:
        for secret in list_sealed_secrets(connection):
            try:
                sealing.open(secret.sealed, secret.organization, secret.row)
            except CannotUnseal as error:
                count, why = count + 1, error.why
            except UnusableSealingKey as error:
                count, why = count + 1, str(error).rstrip(".")
    return count, why
