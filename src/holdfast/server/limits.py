"""
How many files the process may open, and how many connections that leaves for callers.
"""

import resource
from dataclasses import dataclass

from holdfast.network.sockets import CannotStart

FEWEST_FILES = 512  # below that, the gateway would be left with fewer connections than anybody can use
MAX_FILES = 1024 * 1024  # a higher limit is of no use, and some systems allow a billion
PUBLISHER_CONNECTIONS = 1024
GATEWAY_CONNECTIONS = 50_000  # as Envoy's guide for edge proxies has it
GATEWAY_OWN_FILES = 256  # listeners, logs, event loops, the stream of configuration
SHARES = 4  # one address gets a quarter of the publisher's connections


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections are open at once, at most: to the publisher, of these from one address, to the gateway."""

    publisher: int
    publisher_share: int
    gateway: int


def raise_file_limit() -> int:
    """
    Raise the soft limit of open files to the hard limit, for this process and its children, and give it.

    Raises CannotStart where that is less than FEWEST_FILES.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = allowed_files()
    if wanted < FEWEST_FILES:
        text = f"This process can open only {wanted} files, and Holdfast needs at least {FEWEST_FILES}."
        raise CannotStart(f"{text} Raise the hard limit, such as with LimitNOFILE=65536 in systemd.")
    if soft != wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def allowed_files() -> int:
    """Read how many files the process can open once it has raised its soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    return most if soft == resource.RLIM_INFINITY else max(soft, most)


def connection_limits(files: int) -> ConnectionLimits:
    """
    Derive the limits from how many *files* each process may open.

    The publisher keeps half of them for the database and for tests of backends. At the gateway, a caller's connection
    may need another one to a backend.
    """
    publisher = max(min(PUBLISHER_CONNECTIONS, files // 2), SHARES)
    gateway = max(min(GATEWAY_CONNECTIONS, (files - GATEWAY_OWN_FILES) // 2), 1)
    return ConnectionLimits(publisher, publisher // SHARES, gateway)
