"""
Start time of the command, for commands that send no request, for completion at the Tab key, and for the server.

`make bench` runs it and writes the table to docs/reference/benchmarks.md.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import Noise, describe_machine, find_free_ports, holdfast_up, percentile, write

ROUNDS = 20
AIM = 0.15  # seconds, the median of `holdfast --version`
SERVER_AIM = 1.2  # seconds, the median of SERVER
COMMAND = Path(sys.executable).with_name("holdfast")
TAB = {"_HOLDFAST_COMPLETE": "complete_bash", "COMP_WORDS": "holdfast cert", "COMP_CWORD": "1"}
SERVER = "`holdfast up` without APIs, until `Ready`"
STARTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "`holdfast --version`": (["--version"], {}),
    "`holdfast --help`": (["--help"], {}),
    "`holdfast api list --help`": (["api", "list", "--help"], {}),
    "completing a command with the Tab key": ([], TAB),
}


def measure(arguments: list[str], environment: dict[str, str], rounds: int) -> list[float]:
    """Start the command once to warm up and then *rounds* times; return the seconds that each took."""
    seconds = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        subprocess.run([COMMAND, *arguments], env=os.environ | environment, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def measure_server(rounds: int) -> list[float]:
    """Start the server on a new database, and then *rounds* times on this one; return the seconds until Ready."""
    seconds = []
    with tempfile.TemporaryDirectory() as data:
        for _ in range(rounds + 1):
            ports = find_free_ports(3)
            begin = time.perf_counter()
            with holdfast_up(Path(data), "a password for benchmarks", *ports):
                seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def report(times: dict[str, list[float]], noise: float, rounds: int) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    lines = ["## Command start", "", f"{rounds} starts each.", "", "| command | median | p95 |", "|---|---|---|"]
    for what, seconds in times.items():
        lines.append(
            f"| {what} | {percentile(seconds, 0.5) * 1000:.0f} ms | {percentile(seconds, 0.95) * 1000:.0f} ms |"
        )
    first = percentile(next(iter(times.values())), 0.5)
    verdicts = [_judge("the first", first, AIM), _judge("the last", percentile(times[SERVER], 0.5), SERVER_AIM)]
    return "\n".join([*lines, "", *verdicts, "", *describe_machine(noise)])


def _judge(which: str, median: float, aim: float) -> str:
    met = "met" if median < aim else "MISSED"
    return f"The target, a median of {aim * 1000:.0f} ms for {which}, is {met}: {median * 1000:.0f} ms."


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure how long the command takes to start.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="starts of each command")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise = Noise()
    times = {what: measure(*start, options.rounds) for what, start in STARTS.items()}
    times[SERVER] = measure_server(options.rounds)
    section = report(times, noise.measure(), options.rounds)
    print(section)
    if not options.only_print:
        write("command_start", section)


if __name__ == "__main__":
    main()
