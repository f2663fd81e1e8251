"""
CPU time that one change costs the publisher and Envoy, with few and with many published APIs, and their idle CPU.

It uses a real `holdfast up` with its Envoy and a database that is filled beforehand. `make bench` runs it and writes
the table to docs/reference/benchmarks.md. With `--before SOURCES`, it also measures another version, alternately,
and only prints both.
"""

import argparse
import asyncio
import math
import multiprocessing
import os
import secrets
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from sqlalchemy import insert

from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.apis.publisher_paths import PREFIX
from holdfast.server.clock import utc_now
from holdfast.server.machine.directories import DATABASE_FILE
from holdfast.services.inventory.completion import complete_facts
from holdfast.store.access import accounts
from holdfast.store.database import Store
from holdfast.store.tables import ApiDeploymentRow, ApiRow, EndpointCertificateRow, TrustedCertificateRow
from lists import KINDS, make_api, make_certificate, make_entry
from measuring import Noise, describe_machine, find_envoy_process, find_free_ports, holdfast_up, read_cpu_time, write

SIZES = (100, 1_000, 5_000)
ROUNDS = 30
IDLE = 10.0  # seconds for which idle CPU is measured
CALM = 8.0  # seconds after the start, until everything is served
PAUSE = 0.1  # seconds from one change to the next
PAGES = 100  # overviews that are open, in one of the measurements
PAGES_OF_A_USER = 20  # the most that Holdfast allows


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds for each change, and the share of one CPU while idle, of publisher and Envoy."""

    publisher: float
    envoy: float
    idle_publisher: float
    idle_envoy: float


def fill(path: Path, count: int) -> None:
    """Create a database with *count* published APIs, each with its own https endpoint and one certificate."""
    now, ders = datetime.now(UTC), [make_certificate(number) for number in range(min(count, KINDS))]
    apis, deployments, entries, certificates = [], [], [], []
    for number in range(count):
        apis.append(make_api(number, name_address(number), now) | {"state": "PUBLISHED"})
        deployments.append({"api_id": apis[-1]["id"], "organization_id": "default", "group_name": DEFAULT_GROUP})
        entries.append(make_entry(number, name_address(number), now))
        certificates.append(
            {
                "endpoint_certificate_id": entries[-1]["id"],
                "position": 0,
                "organization_id": "default",
                "der": ders[number % len(ders)],
            }
        )
    store = Store(path, utc_now())
    with store.write() as session:
        accounts.insert_organization(session, "default", now)
        session.execute(insert(ApiRow), apis)
        session.execute(insert(ApiDeploymentRow), deployments)
        session.execute(insert(EndpointCertificateRow), entries)
        session.execute(insert(TrustedCertificateRow), certificates)
    complete_facts(store)
    store.close()


def name_address(number: int) -> str:
    """Return the endpoint of an API; nothing listens there."""
    return f"https://127.1.{number // 250}.{number % 250 + 1}:9"


def measure(size: int, rounds: int, sources: Path | None, pages: int = 0) -> Cost:
    """
    Start Holdfast (of *sources*) with *size* APIs, and import and delete a certificate *rounds* times.

    *pages* overviews are open meanwhile.
    """
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory:
        data, password = Path(directory) / "data", secrets.token_urlsafe()
        data.mkdir(mode=0o700)
        _fill_with(sources, data / DATABASE_FILE, size)
        publisher, gateway, sandbox = find_free_ports(3)
        # The first round of the watch would count as idle; bench/watch_round.py measures it.
        with holdfast_up(data, password, publisher, gateway, sandbox, sources, HOLDFAST_WATCH_INTERVAL="0") as pid:
            pids = pid, find_envoy_process(data)
            time.sleep(CALM)
            url = f"http://127.0.0.1:{publisher}"
            with (
                httpx2.Client(
                    base_url=f"{url}{PREFIX}", auth=("admin", password), trust_env=False, timeout=60
                ) as client,
                open_overviews(client, url, pages),
            ):
                idle = _measure_cpu_while(pids, lambda: time.sleep(IDLE))
                cpu_times = _measure_cpu_while(pids, lambda: _change(client, rounds, size))
        seconds = rounds * 2 * PAUSE
        shares = [milliseconds / 1000 / IDLE for milliseconds in idle]
        costs = [(cpu - share * seconds * 1000) / rounds / 2 for cpu, share in zip(cpu_times, shares, strict=True)]
        return Cost(*costs, *shares)


@contextmanager
def open_overviews(client: httpx2.Client, url: str, count: int) -> Iterator[None]:
    """Follow the live states of *count* APIs, as open pages do, in a separate process until the block ends."""
    apis = [api["id"] for api in client.get("/apis", params={"limit": max(count, 1)}).raise_for_status().json()["list"]]
    users = [f"user{number}" for number in range(math.ceil(count / PAGES_OF_A_USER))]
    password = secrets.token_urlsafe()
    for user in users:
        body = {"name": user, "password": password, "roles": ["viewer"]}
        client.post("/users", json=body).raise_for_status()
    context = multiprocessing.get_context("fork")
    following = context.Semaphore(0)
    process = context.Process(target=follow_all, args=(url, users, password, apis[:count], following.release))
    process.start()
    try:
        for _ in range(count):
            if not following.acquire(timeout=30):
                raise RuntimeError("The overviews don't get the state.")
        yield
    finally:
        process.terminate()
        process.join()


def follow_all(
    url: str, users: Sequence[str], password: str, apis: Sequence[str], opened: Callable[[], object]
) -> None:
    """Follow the live states of *apis*, PAGES_OF_A_USER for each user; call *opened* when one has arrived."""

    async def follow_of_user(user: str, apis: Sequence[str]) -> None:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=None) as client:
            await client.post("/sign-in", data={"name": user, "password": password})
            await asyncio.gather(*(follow(client, api) for api in apis))

    async def follow(client: httpx2.AsyncClient, api: str) -> None:
        async with client.stream("GET", f"/apis/{api}/enforcement/live") as response:
            lines = response.raise_for_status().aiter_lines()
            await anext(lines)
            opened()
            async for _ in lines:
                pass

    async def follow_of_users() -> None:
        starts = range(0, len(apis), PAGES_OF_A_USER)
        await asyncio.gather(
            *(
                follow_of_user(user, apis[start : start + PAGES_OF_A_USER])
                for user, start in zip(users, starts, strict=True)
            )
        )

    asyncio.run(follow_of_users())


def _fill_with(sources: Path | None, path: Path, size: int) -> None:
    # In a separate process, because another version has other tables.
    environment = dict(os.environ) | ({"PYTHONPATH": str(sources)} if sources else {})
    subprocess.run([sys.executable, __file__, "--fill", str(path), "--sizes", str(size)], env=environment, check=True)


def _measure_cpu_while(pids: Sequence[int], act: Callable[[], None]) -> list[float]:
    before = [read_cpu_time(pid) for pid in pids]
    act()
    return [read_cpu_time(pid) - start for pid, start in zip(pids, before, strict=True)]


def _change(client: httpx2.Client, rounds: int, size: int) -> None:
    pem = ssl.DER_cert_to_PEM_cert(make_certificate(KINDS))
    for number in range(rounds):
        form = {"alias": "bench", "endpoint": name_address(number * 7 % size)}
        client.post("/endpoint-certificates", data=form, files={"certificate": pem}).raise_for_status()
        time.sleep(PAUSE)
        client.delete("/endpoint-certificates/bench").raise_for_status()
        time.sleep(PAUSE)


def write_table(costs: Mapping[tuple[str, int, int], Cost]) -> list[str]:
    """Return the table: one line for each version, number of APIs and number of open pages."""
    lines = [
        "| published APIs | publisher, per change | Envoy, per change | publisher, idle | Envoy, idle |",
        "|---|---:|---:|---:|---:|",
    ]
    for (version, size, pages), cost in costs.items():
        name = " ".join(filter(None, (f"{size:,}", pages and f"with {pages} open pages", version)))
        changes = f"{cost.publisher:.1f} ms | {cost.envoy:.1f} ms"
        lines.append(f"| {name} | {changes} | {cost.idle_publisher:.1%} | {cost.idle_envoy:.1%} |")
    return lines


def report(costs: Mapping[tuple[str, int, int], Cost], noise: float, rounds: int) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    return "\n".join(
        [
            "## Cost of a change",
            "",
            f"CPU time of {rounds} imports and {rounds} deletions of a certificate, {PAUSE * 1000:.0f} ms apart,",
            "for different APIs.",
            "Each API is published and has its own https endpoint with one certificate. Idle is the share of one CPU,",
            "without changes. The watch is off (`HOLDFAST_WATCH_INTERVAL=0`). Open pages are overviews of different",
            "APIs.",
            "",
            *write_table(costs),
            "",
            *describe_machine(noise),
        ]
    )


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure the CPU time of a change with many published APIs.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of published APIs")
    parser.add_argument("--pages", type=int, default=PAGES, help="overviews that are open in the last measurement")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="imports and deletions")
    parser.add_argument("--before", type=Path, help="only print, with another version, whose directory `src` this is")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        fill(options.fill, options.sizes[0])
        return
    noise, costs = Noise(), {}
    situations = [(size, 0) for size in options.sizes] + [(max(options.sizes[0], options.pages), options.pages)]
    for size, pages in situations:
        if options.before:
            costs["before", size, pages] = measure(size, options.rounds, options.before, pages)
        costs["", size, pages] = measure(size, options.rounds, None, pages)
    section = report(costs, noise.measure(), options.rounds)
    print(section)
    if not options.only_print and not options.before:
        write("cost_of_changes", section)


if __name__ == "__main__":
    main()
