"""
The meaning of PostgreSQL's errors.

SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import re

import psycopg

from holdfast.store.errors import (
    StoreBusy,
    StoreCrowded,
    StoreFailure,
    StoreFull,
    StoreLost,
    StoreRefused,
    StoreServerReadOnly,
    StoreSlow,
    StoreUnreachable,
    StoreUnusable,
)
from holdfast.store.location import PostgresqlLocation

READ_ONLY = "25006"
_LOST = ("08", "57P")  # the connection, because of the network or a server that stops
_FULL = ("53100", "53400")  # disk, and a configured limit such as temp_file_limit
_CROWDED = "53300"
_BUSY = ("40", "55P03")  # conflicts between transactions, and locks that weren't free in time
_FORBIDDEN = ("42501", "3F000")  # privileges: without USAGE on it, there seems to be no schema
_DAMAGED = ("58", "XX00")  # files that can't be read
_SLOW = ("53", "57014", "25P03", "25P04")  # no memory; a statement or transaction that took too long
# libpq reports why it couldn't open a connection only as text. Waiting helps against none of these.
_REFUSALS = (
    ("authentication failed", "Check the user, HOLDFAST_DATABASE_PASSWORD and the server's pg_hba.conf."),
    ("no password supplied", "Set HOLDFAST_DATABASE_PASSWORD or HOLDFAST_DATABASE_PASSWORD_FILE."),
    ("no pg_hba.conf entry|pg_hba.conf rejects", "Allow this machine, user and database in the server's pg_hba.conf."),
    ("FATAL: +role .* does not exist", "Create the user, or correct the URL."),
    ("FATAL: +database .* does not exist", "Create the database, or correct the URL."),
    ("permission denied for database", "Make the user the owner of the database."),
    ("does not match host name", "Use a name from the server's certificate as the host of the URL."),
    (
        "certificate verify failed",
        "Set sslrootcert in the URL to a file with the CA that issued the server's certificate.",
    ),
    ("root certificate", "Correct sslrootcert in the URL."),
    (
        "does not support SSL",
        "Turn on TLS at the server. If nobody can read or change the network, sslmode=disable in the URL does without.",
    ),
)
_NO_CONNECTIONS = re.compile("too many (clients|connections)|remaining connection slots")


def explain(error: psycopg.Error, location: PostgresqlLocation, *, opening: bool = False) -> StoreFailure | None:
    """
    Return the failure that an error of *location* means; None if it is about the statement.

    *opening* says that it was raised instead of a new connection.
    """
    code, place, reason = error.sqlstate or "", str(location), _read_reason(error)
    if code.startswith(_FULL):
        return StoreFull(place, reason)
    if code == _CROWDED:
        return StoreCrowded(place, reason)
    if code.startswith(_SLOW):
        return StoreSlow(place, reason)
    if code.startswith(_BUSY):
        return StoreBusy()
    if code == READ_ONLY:
        return StoreServerReadOnly(place, reason)
    if code in _FORBIDDEN:
        return StoreUnusable(place, reason, "Make its user the owner of the database and of all tables in it.")
    if code.startswith(_DAMAGED):
        return StoreUnusable(place, reason, "The server's log may say more. Check its disk, and restore a backup.")
    if code.startswith(_LOST) or (not code and isinstance(error, psycopg.OperationalError)):
        return _explain_refusal(place, reason, str(error)) if opening else StoreLost(place, reason)
    return None


def _explain_refusal(place: str, reason: str, message: str) -> StoreUnreachable:
    """Return why a connection couldn't be opened."""
    if _NO_CONNECTIONS.search(message):
        return StoreCrowded(place, reason)
    advice = next((advice for text, advice in _REFUSALS if re.search(text, message)), None)
    return StoreRefused(place, reason, advice) if advice else StoreUnreachable(place, reason)


def _read_reason(error: psycopg.Error) -> str:
    """Return the first line of the server's message, without the address that psycopg puts before it."""
    first = str(error).strip().partition("\n")[0] or type(error).__name__
    return re.sub("^.* failed: +", "", first).removeprefix("FATAL:").strip()
