"""
The limit on open files, and the limits on connections that follow from it.
"""

import resource
from dataclasses import dataclass

from holdfast.network.sockets import CannotStart

FEWEST_FILES = 512  # below that, the gateway would have too few connections to be useful
MAX_FILES = 1024 * 1024  # a higher limit is useless, and some systems allow a billion
PUBLISHER_CONNECTIONS = 1024
GATEWAY_CONNECTIONS = 50_000  # the value in Envoy's guide for edge proxies
GATEWAY_OWN_FILES = 256  # listeners, logs, event loops, the stream of configuration
SHARES = 4  # one address gets a quarter of the publisher's connections


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The maximum numbers of open connections: to the publisher, to the publisher from one address, to the gateway."""

    publisher: int
    publisher_share: int
    gateway: int


def raise_file_limit() -> int:
    """
    Raise the soft limit on open files to the hard limit, for this process and its children, and return it.

    Raises CannotStart if that is less than FEWEST_FILES.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = find_allowed_files()
    if limit < FEWEST_FILES:
        text = f"This process can open only {limit} files, and Holdfast needs at least {FEWEST_FILES}."
        raise CannotStart(f"{text} Raise the hard limit, such as with LimitNOFILE=65536 in systemd.")
    if soft != limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def find_allowed_files() -> int:
    """Return how many files the process can open after it has raised its soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    return most if soft == resource.RLIM_INFINITY else max(soft, most)


def compute_connection_limits(files: int) -> ConnectionLimits:
    """
    Return the limits on connections of processes that can each open this number of *files*.

    The publisher reserves half of them for the database and for probes. At the gateway, a caller's connection can need
    a second one to a backend.
    """
    publisher = max(min(PUBLISHER_CONNECTIONS, files // 2), SHARES)
    gateway = max(min(GATEWAY_CONNECTIONS, (files - GATEWAY_OWN_FILES) // 2), 1)
    return ConnectionLimits(publisher, publisher // SHARES, gateway)
