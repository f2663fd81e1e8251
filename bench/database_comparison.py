"""
Uploads per second and response times of long lists, with SQLite and with PostgreSQL, in alternating rounds.

Both databases have the same content: 10,000 APIs and 100,000 endpoint certificates in one organization. It uses a real
`holdfast up` for each, and a real PostgreSQL server that waits for its disk (fsync). `make bench` runs it and writes
the table to docs/reference/benchmarks.md.
"""

import argparse
import asyncio
import secrets
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from holdfast.apis.publisher_paths import PREFIX
from holdfast.server.machine.directories import DATABASE_FILE
from holdfast.store.location import Location
from holdfast.store.postgresql.location import parse_location
from lists import APIS, CERTIFICATES, KINDS, LISTS, fill, make_certificate, measure, signed_in
from measuring import Noise, describe_machine, find_free_ports, holdfast_up, percentile, write
from postgresql import PostgresServer

ROUNDS = 5
REQUESTS = 60  # of each list, in each round
UPLOADS = 200  # in each round
CLIENTS = (1, 8)  # that upload at once
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Target:
    """A running Holdfast, and the id of one of its APIs."""

    url: str
    password: str
    first: str


@dataclass(slots=True)
class Times:
    """The measurements of one database: milliseconds by list, and uploads per second by number of clients."""

    lists: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    uploads: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    latencies: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))


async def upload(target: Target, clients: int, certificate: bytes, times: Times) -> None:
    """Import UPLOADS certificates, each for another endpoint, from several clients, and delete them again."""
    numbers = iter(range(UPLOADS))
    prefix = secrets.token_hex(4)
    auth = ("admin", target.password)
    limits = httpx2.Limits(max_connections=clients)
    async with httpx2.AsyncClient(
        base_url=target.url + PREFIX, auth=auth, trust_env=False, timeout=60, limits=limits
    ) as client:

        async def work() -> None:
            for number in numbers:
                began = time.perf_counter()
                data = {"alias": f"{prefix}-{number}", "endpoint": f"https://backend-{number}.test"}
                files = {"certificate": certificate}
                (await client.post("/endpoint-certificates", data=data, files=files)).raise_for_status()
                times.latencies[clients].append((time.perf_counter() - began) * 1000)

        await client.get("/apis", params={"limit": 1})  # the password is verified
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(work())
        times.uploads[clients].append(UPLOADS / (time.perf_counter() - began))
        for number in range(UPLOADS):
            (await client.delete(f"/endpoint-certificates/{prefix}-{number}")).raise_for_status()


@contextmanager
def running(location: Location, data: Path, **environment: str) -> Iterator[Target]:
    """Fill the database at *location*, and run a Holdfast on it."""
    data.mkdir(mode=0o700, exist_ok=True)
    first, password = fill(location), secrets.token_urlsafe()
    publisher, gateway, sandbox = find_free_ports(3)
    with holdfast_up(data, password, publisher, gateway, sandbox, HOLDFAST_WATCH_INTERVAL="0", **environment):
        yield Target(f"http://127.0.0.1:{publisher}", password, first)


def compare(targets: Mapping[str, Target], rounds: int) -> dict[str, Times]:
    """Measure both databases in turns."""
    times = {name: Times() for name in targets}
    certificate = make_certificate(KINDS)
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(signed_in(target.url, target.password)) for name, target in targets.items()
        }
        for _ in range(rounds):
            for name, target in targets.items():
                for what, path in LISTS.items():
                    path_of_first = path.replace("{first}", target.first)
                    times[name].lists[what] += measure(clients[name], path_of_first, REQUESTS)
                for number in CLIENTS:
                    asyncio.run(upload(target, number, certificate, times[name]))
    return times


def report(times: Mapping[str, Times], noise: float, rounds: int) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    lines = [
        "## SQLite and PostgreSQL",
        "",
        f"The same {APIS:,} APIs and {CERTIFICATES:,} endpoint certificates in one organization, in both databases.",
        f"{rounds} rounds, in which both are measured one after the other. PostgreSQL runs on the same machine, is",
        "reached through a Unix socket, and shares the CPUs with everything else. Each upload is durable on disk",
        "before its response. The watch is off (`HOLDFAST_WATCH_INTERVAL=0`).",
        "",
        "| | SQLite | PostgreSQL | ratio |",
        "|---|---:|---:|---:|",
    ]
    sqlite, postgresql = times[SQLITE], times[POSTGRESQL]
    for number in CLIENTS:
        clients = "1 client" if number == 1 else f"{number} clients at once"
        rates = percentile(sqlite.uploads[number], 0.5), percentile(postgresql.uploads[number], 0.5)
        lines.append(f"| uploads per second, {clients} | {rates[0]:.0f} | {rates[1]:.0f} | {rates[1] / rates[0]:.2f} |")
        lines.append(_write_row(f"an upload, {clients}", sqlite.latencies[number], postgresql.latencies[number]))
    lines += [_write_row(what, values, postgresql.lists[what]) for what, values in sqlite.lists.items()]
    return "\n".join([*lines, "", "Times are p50 / p99; the ratio is that of the p50.", "", *describe_machine(noise)])


def _write_row(what: str, sqlite: Sequence[float], postgresql: Sequence[float]) -> str:
    cells = [f"{percentile(values, 0.5):.1f} / {percentile(values, 0.99):.1f} ms" for values in (sqlite, postgresql)]
    ratio = percentile(postgresql, 0.5) / percentile(sqlite, 0.5)
    return f"| {what} | {cells[0]} | {cells[1]} | {ratio:.2f} |"


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Compare the two databases.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each database")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise = Noise()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench-")))
        server = stack.enter_context(PostgresServer(synchronous_commit="on", fsync="on"))
        url = server.create_database().url
        own = directory / SQLITE
        own.mkdir(mode=0o700)
        targets = {
            SQLITE: stack.enter_context(running(own / DATABASE_FILE, own)),
            POSTGRESQL: stack.enter_context(
                running(parse_location(url), directory / POSTGRESQL, HOLDFAST_DATABASE=url)
            ),
        }
        times = compare(targets, options.rounds)
    section = report(times, noise.measure(), options.rounds)
    print(section)
    if not options.only_print:
        write("database_comparison", section)


if __name__ == "__main__":
    main()
