"""
The cost of counting traffic, of access logs and of traces: instructions of Envoy for each request, counted by valgrind.

CPU times vary by more than what counting costs; numbers of instructions don't, and other programs don't change them.
Each variant accepts HTTP and verifies the backend's certificate. The first one runs a copy of the sources in which
listeners count nothing. It needs nginx, valgrind and wrk. Results are written to docs/reference/benchmarks.md.
"""

import argparse
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import holdfast
from holdfast.gateway.process.binary import find_envoy
from measuring import Noise, describe_machine, find_envoy_process, find_free_ports, holdfast_up, write
from proxies import HOST, PATH, backend, find, on_processor, running
from throughput import load, publish, wait_for, write_certificate

SECONDS, CONNECTIONS = 20, 16
ADAPTS = 12  # seconds of load before the measurement, in which the agent chooses the share of requests in samples
OPENS = 3  # seconds of load in which connections to the backend are opened, which isn't a cost of requests
BARE, COUNTED = "nothing counted", "traffic counted (the default)"
_PROGRAMS = ("nginx", "valgrind", "wrk")
_LISTENERS = "gateway/resources/listeners.py"
_LOGGERS = ("report_certificates(),", "count_requests(),", "measure_sample(),")
# Envoy handles a hundredth of the requests under valgrind, and its samples are to be the usual share of them.
_SAMPLES = {
    "gateway/traffic/sampling.py": ("ENOUGH = 200.0", "ENOUGH = 2.0"),
    "gateway/traffic/certificates.py": ("ENOUGH = 50.0", "ENOUGH = 0.5"),
}


def copy_sources(copy: Path, *, counts: bool) -> Path:
    """Copy the sources to *copy*, with samples for a slow Envoy; unless it *counts*, without the loggers of traffic."""
    shutil.copytree(Path(holdfast.__file__).parent, copy / "holdfast", ignore=shutil.ignore_patterns("__pycache__"))
    for file, (usual, slow) in _SAMPLES.items():
        _replace(copy / "holdfast" / file, usual, slow)
    if not counts:
        for logger in _LOGGERS:
            _replace(copy / "holdfast" / _LISTENERS, logger, "")
    return copy


def _replace(file: Path, text: str, replacement: str) -> None:
    source = file.read_text()
    if text not in source:
        raise SystemExit(f"{file.name} no longer has {text}. Correct bench/telemetry.py.")
    file.write_text(source.replace(text, replacement, 1))


def list_variants(directory: Path, collector: str) -> Mapping[str, Mapping[str, str]]:
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


def write_envoy(directory: Path) -> Path:
    """Write a program that runs Envoy under valgrind, which counts while `count` wants it."""
    program = directory / "envoy"
    options = f"--tool=callgrind --instr-atstart=no --separate-threads=yes --callgrind-out-file={directory}/counts"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {find_envoy()} "$@"\nexec valgrind {options} {find_envoy()} "$@"\n'
    )
    program.chmod(0o755)
    return program


def count(directory: Path, envoy: int, url: str, seconds: int) -> float:
    """Call *url*, and return the instructions of the worker of *envoy*, a process id, for each request."""
    with on_processor(1):
        load(url, CONNECTIONS, ADAPTS)
        _control("--instr=on", envoy)
        time.sleep(seconds)
        _control("--dump", envoy)
        load(url, CONNECTIONS, OPENS)
        _control("--dump", envoy)
        requests = load(url, CONNECTIONS, seconds).requests
        _control("--dump", envoy)
        _control("--instr=off", envoy)
    if not requests:
        raise SystemExit(f"Envoy answered no request within {seconds} s. Use more --seconds.")
    # What Envoy does without requests, such as merging its histograms, isn't a cost of requests.
    without, with_requests = (_count_instructions(directory, dump) for dump in (1, 3))
    return (with_requests - without) / requests


def _count_instructions(directory: Path, dump: int) -> int:
    """Return how many instructions the worker took between a *dump* and the one before it."""
    # There is one file for each thread; only the worker has much to do.
    files = directory.glob(f"counts.{dump}-*")
    totals = (re.search(r"^totals: (\d+)", file.read_text(), re.MULTILINE) for file in files)
    return max(int(total[1]) for total in totals if total)


def _control(action: str, envoy: int) -> None:
    subprocess.run([str(find("callgrind_control")), action, str(envoy)], check=True, capture_output=True)


def measure(seconds: int) -> dict[str, float]:
    """Run one variant after the other, and return its instructions for each request."""
    instructions_by_name = {}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench-")))
        write_certificate(directory)
        (port,) = find_free_ports(1)
        with on_processor(1):
            stack.enter_context(running(backend(directory, port), directory / "backend.out"))
        wait_for("The backend", f"https://{HOST}:{port}/x", directory / "backend.pem")
        sources = {counts: copy_sources(directory / f"sources-{counts}", counts=counts) for counts in (True, False)}
        for number, (name, variables) in enumerate(
            list_variants(directory, f"https://{HOST}:{port}/v1/traces").items()
        ):
            own = directory / str(number)
            own.mkdir()
            instructions_by_name[name] = measure_one(directory, own, port, sources[name != BARE], variables, seconds)
    return instructions_by_name


def measure_one(
    directory: Path, own: Path, port: int, sources: Path, variables: Mapping[str, str], seconds: int
) -> float:
    """Return the instructions for each request of a Holdfast with its files in the directory *own*."""
    publisher, gateway, sandbox = find_free_ports(3)
    password, data, url = secrets.token_urlsafe(), own / "data", f"http://{HOST}:{gateway}{PATH}/x"
    variables = {**variables, "HOLDFAST_ENVOY": str(write_envoy(own))}
    with ExitStack() as stack:
        with on_processor(0):
            stack.enter_context(holdfast_up(data, password, publisher, gateway, sandbox, sources, **variables))
        publish(f"http://{HOST}:{publisher}", password, port, directory / "backend.pem")
        wait_for("The gateway", url, directory / "backend.pem")
        return count(own, find_envoy_process(data), url, seconds)


def write_table(instructions_by_name: Mapping[str, float]) -> list[str]:
    """Return the table."""
    lines = ["| gateway | instructions per request | relative |", "|---|---:|---:|"]
    for name, instructions in instructions_by_name.items():
        lines.append(f"| {name} | {instructions:,.0f} | {instructions / instructions_by_name[COUNTED]:.3f} |")
    return lines


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure what counting, logging and tracing requests costs.")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="length of a measurement")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    for program in _PROGRAMS:
        if not find(program):
            raise SystemExit(f"Install {program} first (Debian: apt-get install {program}).")
    noise = Noise()
    instructions_by_name = measure(options.seconds)
    section = "\n".join(
        [
            "## Traffic, access logs and traces",
            "",
            f"HTTP in, verified TLS to the backend, 1 KB, {CONNECTIONS} connections. Instructions of Envoy's worker",
            "without those of the kernel, which takes a fifth of the CPU time, counted by valgrind, with about 1 % of",
            "the requests in the sample.",
            "*Relative* is to the default.",
            "",
            *write_table(instructions_by_name),
            "",
            *describe_machine(noise.measure()),
        ]
    )
    print(section)
    if not options.only_print:
        write("telemetry", section)


if __name__ == "__main__":
    main()
