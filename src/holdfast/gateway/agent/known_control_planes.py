"""
The control planes that an agent knows, by the addresses of their discovery ports.

It learns them from the publisher when it joins, and from each control plane that it is connected to. They are stored,
so that it finds one even if all those are gone that it knew when it joined.
"""

import asyncio
import json
import random
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import structlog

from holdfast.files.replacement import replace_file
from holdfast.gateway.control.notices import MAX_CONTROL_PLANES
from holdfast.network.addresses import Address, Addresses

log = structlog.get_logger()
CONTROL_PLANES_FILE = "control-planes.json"
RESOLVED_WITHIN = 2.0  # seconds for the DNS lookup of all names
LOOKUPS = 4  # at the same time


class KnownControlPlanes:
    """The addresses, in the order in which they are tried. Lives on one event loop."""

    def __init__(self, directory: Path, initial: Address, seeds: Addresses = ()) -> None:
        """
        *seeds* are those of the command line, which are tried first; *initial* is that of the membership, which comes
        after those that were learned.

        Those that were learned are read from *directory*.
        """
        self._directory = directory
        self._seeds = seeds
        self._initial = initial
        self._learned = read_control_planes(directory)
        self._former: Addresses = ()  # learned before: a control plane can come back unannounced
        # Own threads, and one lookup for each name: if DNS doesn't answer, a thread waits for it much longer than this.
        self._threads = ThreadPoolExecutor(LOOKUPS, "names")
        self._lookups: dict[Address, asyncio.Task[list[Address]]] = {}

    async def learn(self, addresses: Addresses) -> None:
        """Store *addresses* instead of those that were learned before. A failure is logged."""
        if addresses == self._learned:
            return
        former = (*self._learned, *self._former)
        self._former = tuple(dict.fromkeys(address for address in former if address not in addresses))[
            :MAX_CONTROL_PLANES
        ]
        self._learned = addresses
        try:
            await asyncio.to_thread(write_control_planes, self._directory, addresses)
        except OSError as error:
            log.warning("the addresses of control planes weren't stored", why=str(error))

    async def find_candidates(self, first: Addresses = (), last: Address | None = None) -> list[Address]:
        """
        Return where to connect, in this order; each address that a name has counts.

        Gateways spread over control planes, because the order is random among the seeds, and among the learned ones.
        *first* come before all others; *last* is the one that was just lost.
        """
        groups = await self._resolve(first, self._seeds, self._learned, (self._initial,), self._former)
        addresses = dict.fromkeys(address for group in groups for address in _shuffle(group))
        return sorted(addresses, key=lambda address: address == last)

    async def _resolve(self, *groups: Addresses) -> list[list[Address]]:
        """Return *groups* with the IP addresses of names; a name that has none stays, so that connecting says why."""
        self._lookups = {address: lookup for address, lookup in self._lookups.items() if not lookup.done()}
        names = {address for group in groups for address in group if not _is_ip_address(address[0])}
        for address in names - self._lookups.keys():
            self._lookups[address] = asyncio.create_task(self._look_up(address))
        lookups = {address: self._lookups[address] for address in names}
        if lookups:
            await asyncio.wait(lookups.values(), timeout=RESOLVED_WITHIN)
        resolved = {address: lookup.result() for address, lookup in lookups.items() if lookup.done()}
        return [[candidate for address in group for candidate in resolved.get(address, [address])] for group in groups]

    async def _look_up(self, address: Address) -> list[Address]:
        host, port = address
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        except (OSError, UnicodeError):
            return [address]
        return [(str(answer[4][0]), port) for answer in answers]


def read_control_planes(directory: Path) -> Addresses:
    """Return the stored addresses; none if there are none, or if the file can't be read (logged)."""
    path = directory / CONTROL_PLANES_FILE
    try:
        return tuple((str(host), int(port)) for host, port in json.loads(path.read_bytes()))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError) as error:
        log.warning("the addresses of control planes can't be read", file=str(path), why=str(error))
        return ()


def write_control_planes(directory: Path, addresses: Addresses) -> None:
    """Store *addresses* for the next start. Raises OSError."""
    replace_file(directory / CONTROL_PLANES_FILE, json.dumps(addresses).encode())


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _shuffle(addresses: Iterable[Address]) -> list[Address]:
    order = list(dict.fromkeys(addresses))
    random.shuffle(order)
    return order
