"""
The cost of counting traffic, of access logs and of traces: CPU time per request of gateways side by side.

Each gateway has one processor, accepts HTTP, and verifies the backend's certificate; callers, the backend and the
collector use the other processors. All run at the same time, and take turns. The first one runs a copy of the sources
in which listeners count nothing. It needs nginx and wrk. Results are written to docs/reference/benchmarks.md.
"""

import argparse
import secrets
import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import holdfast
from measuring import Noise, cpu_time, envoy_of, free_ports, holdfast_up, machine, write
from proxies import HOST, PATH, backend, find, on_processor, running
from throughput import CONNECTIONS, Contestant, load, publish, wait_for, write_certificate

ROUNDS, SECONDS = 4, 3
ADAPTS = 12  # seconds of load before each turn, in which the agent chooses the share of requests in samples
BARE, COUNTED = "nothing counted", "traffic counted (the default)"
_LISTENERS = "gateway/resources/listeners.py"
_LOGGERS = ("report_certificates(),", "count_requests(),", "measure_sample(),")


def copy_without_counting(directory: Path) -> Path:
    """Copy the sources to *directory* without the loggers of traffic; return the copy."""
    copy = directory / "sources"
    shutil.copytree(Path(holdfast.__file__).parent, copy / "holdfast", ignore=shutil.ignore_patterns("__pycache__"))
    listeners = copy / "holdfast" / _LISTENERS
    text = listeners.read_text()
    for logger in _LOGGERS:
        if logger not in text:
            raise SystemExit(f"{_LISTENERS} no longer has {logger}. Correct bench/telemetry.py.")
        text = text.replace(logger, "", 1)
    listeners.write_text(text)
    return copy


def variants(directory: Path, collector: str) -> Mapping[str, Mapping[str, str]]:
    """Return the settings of each gateway."""
    traces = {"GATEWAY_TRACES": collector, "GATEWAY_TRACES_CA_FILE": str(directory / "backend.pem")}
    settings = {
        BARE: {},
        COUNTED: {},
        "and an access log, JSON": {"GATEWAY_ACCESS_LOG": str(directory / "json.log")},
        "and an access log, text with 5 fields": {
            "GATEWAY_ACCESS_LOG": str(directory / "text.log"),
            "GATEWAY_ACCESS_LOG_FORMAT": "{time} {method} {path} {status} {duration_ms}",
        },
        "and traces of 10 %": traces,
        "and traces of all": traces | {"GATEWAY_TRACES_SAMPLE": "1"},
    }
    return {
        name: {f"HOLDFAST_{key}": value for key, value in variables.items()} for name, variables in settings.items()
    }


def start(stack: ExitStack, directory: Path, port: int) -> dict[str, Contestant]:
    """Start a Holdfast for each variant."""
    bare, contestants = copy_without_counting(directory), {}
    for number, (name, variables) in enumerate(variants(directory, f"https://{HOST}:{port}/v1/traces").items()):
        publisher, gateway, sandbox = free_ports(3)
        password, data = secrets.token_urlsafe(), directory / f"data{number}"
        sources = bare if name == BARE else None
        with on_processor(0):
            stack.enter_context(holdfast_up(data, password, publisher, gateway, sandbox, sources, **variables))
        publish(f"http://{HOST}:{publisher}", password, port, directory / "backend.pem")
        contestants[name] = Contestant(f"http://{HOST}:{gateway}{PATH}/x", envoy_of(data))
    return contestants


def measure(rounds: int, seconds: int) -> dict[str, list[float]]:
    """Let all gateways take turns; return the microseconds of CPU time per request of each turn."""
    measured: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench-")))
        write_certificate(directory)
        (port,) = free_ports(1)
        with on_processor(1):
            stack.enter_context(running(backend(directory, port), directory / "backend.out"))
        wait_for("The backend", f"https://{HOST}:{port}/x", directory / "backend.pem")
        contestants = start(stack, directory, port)
        for name, contestant in contestants.items():
            wait_for(name, contestant.url, directory / "backend.pem")
        with on_processor(1):
            for _ in range(rounds):
                for name, contestant in contestants.items():
                    load(contestant.url, CONNECTIONS, ADAPTS)
                    before = cpu_time(contestant.pid)
                    requests = load(contestant.url, CONNECTIONS, seconds).requests
                    measured[name].append((cpu_time(contestant.pid) - before) * 1000 / requests)
    return measured


def table(measured: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the table: medians of all rounds, and of the ratios within each round."""
    lines = ["| gateway | CPU per request | relative |", "|---|---:|---:|"]
    for name, turns in measured.items():
        # Rounds are compared with the default's of the same round, because the machine's speed varies.
        ratio = statistics.median(own / other for own, other in zip(turns, measured[COUNTED], strict=True))
        lines.append(f"| {name} | {statistics.median(turns):.0f} µs | {ratio:.2f} |")
    return lines


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure what counting, logging and tracing requests costs.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each gateway")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="length of a turn")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    for program in ("nginx", "wrk"):
        if not find(program):
            raise SystemExit(f"Install {program} first (Debian: apt-get install {program}).")
    noise = Noise()
    measured = measure(options.rounds, options.seconds)
    section = "\n".join(
        [
            "## Traffic, access logs and traces",
            "",
            f"HTTP in, verified TLS to the backend, 1 KB, one processor for all gateways, {CONNECTIONS} connections.",
            f"{options.rounds} rounds in turns, each after {ADAPTS} seconds of the same load; the table shows medians.",
            "*Relative* is to the default.",
            "",
            *table(measured),
            "",
            *machine(noise.others()),
        ]
    )
    print(section)
    if not options.only_print:
        write("telemetry", section)


if __name__ == "__main__":
    main()
