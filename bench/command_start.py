"""
Start time of the command, for commands that send no request and for completion at the Tab key.

`make bench` runs it and writes the table to docs/reference/benchmarks.md.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from measuring import Noise, machine, percentile, write

ROUNDS = 20
AIM = 0.15  # seconds, the median of `holdfast --version`
COMMAND = Path(sys.executable).with_name("holdfast")
TAB = {"_HOLDFAST_COMPLETE": "complete_bash", "COMP_WORDS": "holdfast cert", "COMP_CWORD": "1"}
STARTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "`holdfast --version`": (["--version"], {}),
    "`holdfast --help`": (["--help"], {}),
    "`holdfast api list --help`": (["api", "list", "--help"], {}),
    "`holdfast cert` and the Tab key": ([], TAB),
}


def measure(arguments: list[str], environment: dict[str, str], rounds: int) -> list[float]:
    """Start the command once to warm up and then *rounds* times; return the seconds that each took."""
    seconds = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        subprocess.run([COMMAND, *arguments], env=os.environ | environment, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def report(measured: dict[str, list[float]], others: float, rounds: int) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    lines = ["## Command start", "", f"{rounds} starts each.", "", "| command | median | p95 |", "|---|---|---|"]
    for what, seconds in measured.items():
        lines.append(
            f"| {what} | {percentile(seconds, 0.5) * 1000:.0f} ms | {percentile(seconds, 0.95) * 1000:.0f} ms |"
        )
    first = percentile(next(iter(measured.values())), 0.5)
    verdict = (
        f"The target, a median of {AIM * 1000:.0f} ms for the first, is {'met' if first < AIM else 'MISSED'}: "
        f"{first * 1000:.0f} ms."
    )
    return "\n".join([*lines, "", verdict, "", *machine(others)])


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure how long the command takes to start.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="starts of each command")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise = Noise()
    measured = {what: measure(*start, options.rounds) for what, start in STARTS.items()}
    section = report(measured, noise.others(), options.rounds)
    print(section)
    if not options.only_print:
        write("command_start", section)


if __name__ == "__main__":
    main()
