"""
Two control planes on one PostgreSQL server: the time of a change across them, and recovery after each kill.

It runs the installation of tests/topology with real processes: PostgreSQL, two control planes, and two gateways, of
which each follows another control plane. `make bench` runs it and writes the table to docs/reference/benchmarks.md.
"""

import argparse
import asyncio
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from backends import V4, Backend
from issuing import issue
from load import Load
from measuring import Noise, describe_machine, percentile, write
from running import wait_until
from time_to_trust import ChangeTimes, Target, measure
from topology.installation import ControlPlane, Gateway, Installation

ROUNDS, TURNS = 20, 5
KILLS = 5
AIM = 100.0  # milliseconds, p99, from the request at one control plane until a gateway of the other one enforces it
WITHIN = 60.0  # seconds
PRESENTED = issue(V4)
HERE, THERE = "at the control plane of the gateway", "at the other control plane"


def listens(host: str | None, port: int | None) -> bool:
    """Return whether connections to a gateway are accepted."""
    with suppress(ConnectionError), socket.create_connection((str(host), int(port or 0))):
        return True
    return False


async def measure_changes(
    installation: Installation, backend: Backend, rounds: int
) -> dict[tuple[str, str], ChangeTimes]:
    """Import and delete certificates at both control planes in turns; one gateway is called."""
    gateway = installation.gateways[1]
    own = installation.control_plane_of(gateway)
    assert own is not None  # noqa: S101 - it was waited for
    address = urlsplit(gateway.url)
    wait_until(lambda: listens(address.hostname, address.port), WITHIN)  # its agent connects before Envoy has started
    times_of_change = {(place, change): ChangeTimes() for place in (HERE, THERE) for change in ("import", "delete")}
    for _ in range(TURNS):
        for place, control_plane in ((HERE, own), (THERE, installation.other(own))):
            target = Target(
                control_plane.publisher_url,
                (str(address.hostname), int(address.port or 0)),
                control_plane.admin_password,
                backend.port,
                PRESENTED.pem,
                control_plane.data,
                control_plane.ca,
            )
            imports, deletions, _ = await measure(target, V4, rounds)
            for change, times in (("import", imports), ("delete", deletions)):
                times_of_change[place, change].request += times.request
                times_of_change[place, change].enforcement += times.enforcement
    return times_of_change


def change(control_plane: ControlPlane, gateways: Sequence[Gateway], backend: Backend) -> None:
    """Publish an API and trust its backend at *control_plane*, until all *gateways* serve it."""
    wait_until(lambda: control_plane.rest.get("/apis").is_success, WITHIN)
    api = control_plane.create_api(backend.url())
    control_plane.change_lifecycle(api, "Publish")
    control_plane.import_certificate(backend.url(), PRESENTED.pem)
    for gateway in gateways:
        wait_until(lambda gateway=gateway: gateway.status_of(api) == 200, WITHIN)


def measure_time(step: Callable[[], object]) -> float:
    """Return how many seconds *step* takes."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def kill_control_plane(installation: Installation) -> list[float]:
    """Return the seconds until its gateway follows the other one, and until a change there is in force everywhere."""
    gateway = installation.gateways[0]
    first = installation.control_plane_of(gateway)
    assert first is not None  # noqa: S101 - it was waited for
    second = installation.other(first)
    with Backend(PRESENTED) as backend:
        first.kill_publisher()
        connection = measure_time(lambda: gateway.wait_until_connected(second))
        deployment = measure_time(lambda: change(second, installation.gateways, backend))
    first.start()
    installation.wait_until_complete()
    return [connection, connection + deployment]


def kill_database(installation: Installation) -> list[float]:
    """Return the seconds that the server needs to start again, and until a change is in force everywhere after that."""
    with Backend(PRESENTED) as backend:
        installation.postgres.kill()
        start = measure_time(installation.postgres.start)
        deployment = measure_time(lambda: change(installation.control_planes[0], installation.gateways, backend))
    return [start, deployment]


def kill_gateway(installation: Installation) -> list[float]:
    """Return the seconds until agent and Envoy serve again after both were killed and started."""
    gateway = installation.gateways[0]
    with Backend(PRESENTED) as backend:
        api = installation.control_planes[0].publish_trusted_api(backend.url(), PRESENTED.pem)
        wait_until(lambda: gateway.status_of(api) == 200, WITHIN)
        gateway.kill()
        began = time.perf_counter()
        gateway.run(installation.control_planes[0].discovery)
        wait_until(lambda: gateway.status_of(api) == 200, WITHIN)
        recovery = time.perf_counter() - began
    installation.wait_until_complete()
    return [recovery, time.perf_counter() - began]


FAULTS: dict[str, tuple[Callable[[Installation], list[float]], tuple[str, str]]] = {
    "kill -9 of a control plane": (
        kill_control_plane,
        ("its gateway follows the other one", "a new API is served by both gateways"),
    ),
    "kill -9 of PostgreSQL": (
        kill_database,
        ("it runs again", "from then, a new API is served by both gateways"),
    ),
    "kill -9 of an agent and its Envoy, started again": (
        kill_gateway,
        ("it serves what it had stored", "it follows a control plane"),
    ),
}


def report(
    changes: dict[tuple[str, str], ChangeTimes], recoveries: dict[str, list[list[float]]], failures: int, answers: int
) -> list[str]:
    """Return the section for docs/reference/benchmarks.md, without the machine."""
    across = [value for (place, _), times in changes.items() if place == THERE for value in times.enforcement]
    worst = percentile(across, 0.99)
    verdict = "met" if worst < AIM else "missed"
    lines = [
        "## Several control planes",
        "",
        "Two control planes, one PostgreSQL server and two gateways, all on the same machine; each gateway follows",
        f"another control plane. {len(across) // 2} imports and as many deletions of a certificate at each control",
        "plane, in turns. A caller calls one gateway continuously; times are from sending the request until its",
        "responses change.",
        "",
        "| change | requested | response, p50 | in force, p50 | in force, p99 |",
        "|---|---|---:|---:|---:|",
    ]
    for (place, what), times in changes.items():
        numbers = (
            percentile(times.request, 0.5),
            percentile(times.enforcement, 0.5),
            percentile(times.enforcement, 0.99),
        )
        lines.append(f"| {what} | {place} | {' | '.join(f'{number:.0f} ms' for number in numbers)} |")
    lines += [
        "",
        f"The target, a p99 under {AIM:.0f} ms across control planes, is {verdict}: {worst:.0f} ms.",
        "",
        "| fault | until | median | longest |",
        "|---|---|---:|---:|",
    ]
    for fault, (_, names) in FAULTS.items():
        for name, times in zip(names, zip(*recoveries[fault], strict=True), strict=bool(recoveries[fault])):
            lines.append(f"| {fault} | {name} | {percentile(times, 0.5):.1f} s | {max(times):.1f} s |")
    lines += ["", f"Of {answers:,} requests to the other gateway during these faults, {failures} failed.", ""]
    return lines


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure two control planes that share a database.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"imports and deletions in each of {TURNS} turns")
    parser.add_argument("--kills", type=int, default=KILLS, help="how often each part is killed")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise, recoveries = Noise(), {}
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory,
        Installation(Path(directory)) as installation,
        Backend(PRESENTED) as backend,
    ):
        changes = asyncio.run(measure_changes(installation, backend, options.rounds))
        api = installation.control_planes[0].publish_trusted_api(backend.url(), PRESENTED.pem)
        stable = installation.gateways[1]
        wait_until(lambda: stable.status_of(api) == 200, WITHIN)
        with Load(stable, api.path) as load:
            for fault, (work, _) in FAULTS.items():
                recoveries[fault] = [work(installation) for _ in range(options.kills)]
        answers = load.answers.total()
        failures = answers - load.answers["200"]
    section = "\n".join([*report(changes, recoveries, failures, answers), *describe_machine(noise.measure())])
    print(section)
    if not options.only_print:
        write("control_planes", section)


if __name__ == "__main__":
    main()
