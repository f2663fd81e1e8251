"""
Start, memory, idle CPU and the time of a change with 100 to 10,000 published APIs.

It uses a real `holdfast up` with its Envoy, a real TLS backend, and a database that is filled beforehand. `make bench`
runs it and writes the table to docs/reference/benchmarks.md.
"""

import argparse
import asyncio
import http.client
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cost_of_changes import fill
from holdfast.server.machine.directories import DATABASE_FILE
from measuring import (
    Noise,
    describe_machine,
    find_agent_process,
    find_envoy_process,
    find_free_ports,
    holdfast_up,
    percentile,
    read_cpu_time,
    read_memory,
    write,
)
from time_to_trust import measure, start_target

SIZES = (100, 1_000, 5_000, 10_000)
ROUNDS = 50
SAMPLES = 20  # APIs that are called until all of them are served
WITHIN = 300.0  # seconds for a start
IDLE = 10.0  # seconds for which idle CPU is measured
CALM = 8.0  # seconds after the start until idle CPU is measured
PAUSE = 0.02  # seconds between two calls of the gateway


@dataclass(frozen=True, slots=True)
class Start:
    """A start: seconds until Holdfast is ready, and serves the first and the last API; CPU time, MiB, and idle CPU."""

    ready: float
    first: float
    last: float
    cpu: Mapping[str, float]  # by process
    memory: Mapping[str, int]
    idle: Mapping[str, float]  # share of one CPU


@dataclass(frozen=True, slots=True)
class Scale:
    """The measurements with one number of APIs; times of changes in milliseconds."""

    start: Start
    imports: Sequence[float]
    deletions: Sequence[float]


def _wait_until_served(port: int, number: int, began: float, into: dict[int, float], end: threading.Event) -> None:
    """Call an API until the gateway knows it, and note when."""
    while not end.wait(PAUSE) and time.monotonic() - began < WITHIN:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN)
        try:
            connection.request("GET", f"/api-{number}/1.0.0")
            if connection.getresponse().status != 404:  # no backend listens, so it is 503
                into[number] = time.monotonic() - began
                return
        except OSError:
            continue
        finally:
            connection.close()


def _find_processes(data: Path, publisher: int) -> dict[str, int]:
    return {"publisher": publisher, "agent": find_agent_process(data), "Envoy": find_envoy_process(data)}


def _ask_each(processes: Mapping[str, int], ask: Callable[[int], float]) -> dict[str, float]:
    return {name: ask(pid) for name, pid in processes.items()}


def measure_start(size: int) -> Start:
    """Start Holdfast with *size* published APIs and an Envoy that knows none of them."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory:
        data = Path(directory) / "data"
        data.mkdir(mode=0o700)
        fill(data / DATABASE_FILE, size)
        publisher_port, gateway, sandbox = find_free_ports(3)
        numbers = {round(index * (size - 1) / (SAMPLES - 1)) for index in range(SAMPLES)}
        times, end, began = dict[int, float](), threading.Event(), time.monotonic()
        callers = [
            threading.Thread(target=_wait_until_served, args=(gateway, number, began, times, end)) for number in numbers
        ]
        for caller in callers:
            caller.start()
        try:
            with holdfast_up(data, secrets.token_urlsafe(), publisher_port, gateway, sandbox) as publisher:
                ready = time.monotonic() - began
                for caller in callers:
                    caller.join(WITHIN)
                if len(times) < len(numbers):
                    raise RuntimeError(f"Only {len(times)} of {len(numbers)} APIs were served within {WITHIN:.0f} s.")
                processes = _find_processes(data, publisher)
                cpu_seconds = {
                    name: milliseconds / 1000 for name, milliseconds in _ask_each(processes, read_cpu_time).items()
                }
                time.sleep(CALM)
                before = _ask_each(processes, read_cpu_time)
                time.sleep(IDLE)
                after = _ask_each(processes, read_cpu_time)
                idle = {name: (after[name] - before[name]) / 1000 / IDLE for name in processes}
                sizes = {name: read_memory(pid) for name, pid in processes.items()}
                return Start(ready, min(times.values()), max(times.values()), cpu_seconds, sizes, idle)
        finally:
            end.set()


async def measure_changes(size: int, rounds: int) -> tuple[Sequence[float], Sequence[float]]:
    """Import and delete the certificate of one more API *rounds* times; return the milliseconds until enforced."""
    with start_target(lambda data: fill(data / DATABASE_FILE, size)) as target:
        await asyncio.sleep(CALM)
        imports, deletions, _ = await measure(target, "127.0.0.1", rounds)
        return imports.enforcement, deletions.enforcement


def measure_scale(size: int, rounds: int) -> Scale:
    """Measure one number of APIs."""
    return Scale(measure_start(size), *asyncio.run(measure_changes(size, rounds)))


def _write_row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _join(values: Mapping[str, float], style: Callable[[float], str]) -> str:
    return " / ".join(style(value) for value in values.values())


def report(scales: Mapping[int, Scale], noise: float, rounds: int) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    measurements, starts = list(scales.values()), [scale.start for scale in scales.values()]
    names = " / ".join(starts[0].memory)

    def quantiles(values: Sequence[float]) -> str:
        return f"{percentile(values, 0.5):.0f} / {percentile(values, 0.99):.0f} ms"

    return "\n".join(
        [
            "## Number of APIs",
            "",
            "Each API is published and has its own https endpoint with one certificate. The start is a cold one: Envoy",
            f"has no configuration. A change is an import or deletion of a certificate, {rounds} of each; its time is",
            "from sending the request until the gateway enforces it.",
            "",
            _write_row("published APIs", [f"{size:,}" for size in scales]),
            "|---|" + "---:|" * len(scales),
            _write_row("import to enforced, p50 / p99", [quantiles(scale.imports) for scale in measurements]),
            _write_row("deletion to enforced, p50 / p99", [quantiles(scale.deletions) for scale in measurements]),
            _write_row("start until ready", [f"{start.ready:.1f} s" for start in starts]),
            _write_row("start until the first API is served", [f"{start.first:.1f} s" for start in starts]),
            _write_row("start until all APIs are served", [f"{start.last:.1f} s" for start in starts]),
            _write_row(f"CPU time of the start: {names}", [_join(start.cpu, "{:.1f} s".format) for start in starts]),
            _write_row(f"memory: {names}", [_join(start.memory, "{:.0f} MiB".format) for start in starts]),
            _write_row(f"idle CPU: {names}", [_join(start.idle, "{:.1%}".format) for start in starts]),
            "",
            *describe_machine(noise),
        ]
    )


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure what the number of published APIs costs.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of published APIs")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="imports and deletions")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise = Noise()
    scales = dict(zip(options.sizes, map(partial(measure_scale, rounds=options.rounds), options.sizes), strict=True))
    section = report(scales, noise.measure(), options.rounds)
    print(section)
    if not options.only_print:
        write("scale", section)


if __name__ == "__main__":
    main()
