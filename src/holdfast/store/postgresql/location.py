"""
Reading the URL of a PostgreSQL database. Connections to other machines, and those for which the URL names a CA, are
verified unless the URL says otherwise.
"""

import os
from ipaddress import ip_address
from pathlib import Path

import certifi
import psycopg
from psycopg.conninfo import conninfo_to_dict

from holdfast.store.location import CONNECTIONS, PostgresqlLocation

EXAMPLE = "postgresql://holdfast@db.example/holdfast"
VERIFIED = "verify-full"
_SCHEMES = ("postgresql://", "postgres://")
_SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat
    "/etc/ssl/cert.pem",  # macOS
)


def parse_location(url: str, password: str = "", connections: int = CONNECTIONS) -> PostgresqlLocation:
    """
    Return the location that a libpq *url* describes; *password* is used if it has none.

    Raises:
        ValueError: It isn't a URL of PostgreSQL, or contains a password although *password* is set.
    """
    if not url.startswith(_SCHEMES):
        raise ValueError(f"it isn't the URL of a PostgreSQL database, such as {EXAMPLE}")
    try:
        options = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its message may contain a part of the password
        raise ValueError(
            f"it isn't a valid URL, such as {EXAMPLE}. Percent-encode special characters, and check the names of "
            "parameters"
        ) from None
    parameters = {name: str(value) for name, value in options.items() if value is not None}
    own = parameters.pop("password", "")
    if own and password:
        raise ValueError("it contains a password, and another one is set. Remove one of them")
    elsewhere = _is_elsewhere(parameters)
    if elsewhere or "sslrootcert" in parameters:
        parameters.setdefault("sslmode", VERIFIED)
    weak_tls = parameters["sslmode"] if elsewhere and parameters["sslmode"] != VERIFIED else ""
    if parameters.get("sslmode") in {VERIFIED, "verify-ca"}:
        parameters.setdefault("sslrootcert", _find_system_roots())
    return PostgresqlLocation(parameters, own or password, connections, weak_tls)


def _is_elsewhere(parameters: dict[str, str]) -> bool:
    """Return whether one of the servers may be on another machine."""
    # libpq reads variables for what is missing.
    hosts = parameters.get("hostaddr") or parameters.get("host") or os.environ.get("PGHOST", "")
    return "service" in parameters or not all(map(_is_here, hosts.split(",")))


def _is_here(host: str) -> bool:
    if not host or host.startswith(("/", "@")):  # a socket
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _find_system_roots() -> str:
    candidates = (os.environ.get("SSL_CERT_FILE", ""), *_SYSTEM_ROOTS)
    return next((path for path in candidates if path and Path(path).is_file()), certifi.where())
