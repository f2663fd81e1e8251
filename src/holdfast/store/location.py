"""
Where the database is: a file for SQLite, or a server for PostgreSQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CONNECTIONS = 20  # of one process to PostgreSQL


@dataclass(frozen=True, slots=True)
class PostgresqlLocation:
    """A PostgreSQL database; *parameters* are those of libpq, without the *password*."""

    parameters: Mapping[str, str]
    password: str = field(default="", repr=False)
    connections: int = CONNECTIONS  # that one process opens at most
    weak_tls: str = ""  # an `sslmode` that doesn't verify a server on another machine

    def __str__(self) -> str:
        """Return the name of the database and its server for messages."""
        server = self.parameters.get("host") or self.parameters.get("hostaddr") or "a local socket"
        port = self.parameters.get("port")
        name = self.parameters.get("dbname") or self.parameters.get("user") or "postgres"
        return f"PostgreSQL database {name} at {server}{f':{port}' if port else ''}"


Location = Path | PostgresqlLocation
