"""
Requests per second, CPU time per request and added latency of the gateway, next to other proxies.

All have one processor, accept HTTP, and verify the backend's certificate; callers and the backend use the other
processors. All proxies run at the same time, and take turns. It needs nginx and wrk; proxies that aren't installed are
left out. `make bench` runs it and writes the table to docs/reference/benchmarks.md.
"""

import argparse
import re
import secrets
import ssl
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from holdfast.apis.publisher_paths import PREFIX
from measuring import (
    Noise,
    describe_machine,
    find_envoy_process,
    find_free_ports,
    holdfast_up,
    issue,
    read_cpu_time,
    write,
)
from proxies import HOST, PATH, PROXIES, Ports, backend, find, on_processor, running

HOLDFAST, TUNED = "**Holdfast**", "tuned Envoy"
ROUNDS, SECONDS, CONNECTIONS = 5, 4, 64
AIM = 1.05  # CPU time per request, relative to a tuned Envoy
WITHIN = 20.0  # seconds until a proxy answers
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Contestant:
    """A running proxy: where callers reach it, and its process."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Round:
    """One turn: requests per second and the 99th percentile with many connections; the median with one."""

    rate: float
    slowest: float  # milliseconds
    cpu: float  # microseconds per request
    median: float  # milliseconds


@dataclass(frozen=True, slots=True)
class Load:
    """The result of wrk: the number of requests, requests per second, and latencies in milliseconds."""

    requests: int
    rate: float
    median: float
    slowest: float


def load(url: str, connections: int, seconds: int) -> Load:
    """Call *url* on *connections* connections, each with one request at a time."""
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    output = subprocess.run([str(find("wrk")), *options, url], check=True, capture_output=True, text=True).stdout
    if errors := re.search(r"(Non-2xx.*|Socket errors: connect [1-9].*)", output):
        raise RuntimeError(f"{url}: {errors[1]}")
    total, rate = re.search(r"(\d+) requests in", output), re.search(r"Requests/sec:\s+([\d.]+)", output)
    lines = re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)", output)
    shares = {share: float(value) * _UNITS[unit] for share, value, unit in lines}
    if not total or not rate:
        raise RuntimeError(f"wrk said: {output}")
    return Load(int(total[1]), float(rate[1]), shares["50"], shares["99"])


def take_turn(contestant: Contestant, seconds: int) -> Round:
    """Measure one proxy."""
    before = read_cpu_time(contestant.pid)
    many = load(contestant.url, CONNECTIONS, seconds)
    cpu = read_cpu_time(contestant.pid) - before
    return Round(many.rate, many.slowest, cpu * 1000 / many.requests, load(contestant.url, 1, 1).median)


def write_certificate(directory: Path) -> None:
    """Write the backend's self-signed certificate and key."""
    # nginx compares only DNS names.
    certificate, key = issue("backend", [x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost")])
    (directory / "backend.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "backend.key").write_bytes(key_pem)


def publish(url: str, password: str, port: int, certificate: Path) -> None:
    """Publish the API of the backend, and import its certificate."""
    endpoint = f"https://{HOST}:{port}"
    with httpx2.Client(base_url=url + PREFIX, auth=("admin", password), trust_env=False, timeout=30) as client:
        config = {"endpoint_type": "http", "production_endpoints": {"url": endpoint}}
        body = {"name": "bench", "context": "/bench", "version": "1.0", "endpointConfig": config}
        api = client.post("/apis", json=body).raise_for_status().json()
        form = {"alias": "bench", "endpoint": endpoint}
        files = {"certificate": certificate.read_bytes()}
        client.post("/endpoint-certificates", data=form, files=files).raise_for_status()
        client.post("/apis/change-lifecycle", params={"action": "Publish", "apiId": api["id"]}).raise_for_status()


def wait_for(name: str, url: str, certificate: Path) -> None:
    """Wait until *url* answers 200."""
    context = ssl.create_default_context(cafile=certificate)
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        try:
            if httpx2.get(url, trust_env=False, verify=context).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{name} doesn't answer at {url}.")


def start(stack: ExitStack, directory: Path, backend_port: int) -> dict[str, Contestant]:
    """Start Holdfast and every proxy that is installed."""
    contestants = {}
    for name, (program, command) in PROXIES.items():
        if program and not find(program):
            continue
        ports = Ports(find_free_ports(1)[0], backend_port)
        with on_processor(0):
            line = command(directory, ports)
            own = {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(directory)}
            pid = stack.enter_context(running(line, directory / f"{name}.out", own))
        contestants[name] = Contestant(f"http://{HOST}:{ports.proxy}{PATH}/x", pid)
    publisher, gateway, sandbox = find_free_ports(3)
    password, data = secrets.token_urlsafe(), directory / "data"
    with on_processor(0):  # Envoy uses as many threads as it may use processors
        stack.enter_context(holdfast_up(data, password, publisher, gateway, sandbox))
    publish(f"http://{HOST}:{publisher}", password, backend_port, directory / "backend.pem")
    contestants[HOLDFAST] = Contestant(f"http://{HOST}:{gateway}{PATH}/x", find_envoy_process(data))
    return contestants


def measure(rounds: int, seconds: int) -> tuple[dict[str, list[Round]], list[float]]:
    """Let all proxies take turns; return what was measured, and the median latencies of the backend itself."""
    rounds_by_contestant: dict[str, list[Round]] = defaultdict(list)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench-")))
        write_certificate(directory)
        (port,) = find_free_ports(1)
        with on_processor(1):
            stack.enter_context(running(backend(directory, port), directory / "backend.out"))
        direct = f"https://{HOST}:{port}/x"
        certificate = directory / "backend.pem"
        wait_for("The backend", direct, certificate)
        contestants = start(stack, directory, port)
        for name, contestant in contestants.items():
            wait_for(name, contestant.url, certificate)
        medians = []
        with on_processor(1):
            for _ in range(rounds):
                medians.append(load(direct, 1, 1).median)
                for name, contestant in contestants.items():
                    rounds_by_contestant[name].append(take_turn(contestant, seconds))
    return rounds_by_contestant, medians


def write_table(rounds_by_contestant: Mapping[str, Sequence[Round]], direct: Sequence[float]) -> list[str]:
    """Return the table: medians of all rounds."""
    lines = [
        f"| | requests/s | relative | CPU per request | relative | p99, {CONNECTIONS} connections | added latency |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    base = statistics.median(direct)
    own_rounds = rounds_by_contestant[TUNED]
    for name, rounds in sorted(
        rounds_by_contestant.items(), key=lambda item: -statistics.median(one.rate for one in item[1])
    ):
        rate, cpu, slowest, median = (
            statistics.median(values)
            for values in zip(*((one.rate, one.cpu, one.slowest, one.median) for one in rounds), strict=True)
        )
        # Rounds are compared with the tuned Envoy's of the same round, because the machine's speed varies.
        rates = statistics.median(own.rate / other.rate for own, other in zip(rounds, own_rounds, strict=True))
        cpus = statistics.median(own.cpu / other.cpu for own, other in zip(rounds, own_rounds, strict=True))
        lines.append(
            f"| {name} | {rate:,.0f} | {rates:.2f} | {cpu:.0f} µs | {cpus:.2f} | {slowest:.1f} ms | "
            f"{median - base:.2f} ms |"
        )
    return lines


def report(
    rounds_by_contestant: Mapping[str, Sequence[Round]], direct: Sequence[float], noise: float, rounds: int
) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    own, envoy_rounds = rounds_by_contestant[HOLDFAST], rounds_by_contestant[TUNED]
    ratio = statistics.median(one.cpu / other.cpu for one, other in zip(own, envoy_rounds, strict=True))
    met = "met" if ratio <= AIM else "missed"
    missing = [name for name, (program, _) in PROXIES.items() if program and not find(program)]
    return "\n".join(
        [
            "## Throughput",
            "",
            f"HTTP in, verified TLS to the backend, 1 KB, one processor for each proxy, {CONNECTIONS} connections.",
            f"{rounds} rounds in turns; the table shows medians. *Relative* is to the tuned Envoy, which does nothing",
            "else: no request ids, statistics, limits, header rules or error messages. Added latency is the median",
            "with one connection, minus that of calling the backend directly over TLS.",
            "",
            *write_table(rounds_by_contestant, direct),
            "",
            f"The target for CPU per request, {AIM} of a tuned Envoy, is {met}: {ratio:.2f}.",
            *([f"Not installed, and left out: {', '.join(missing)}."] if missing else []),
            "",
            *describe_machine(noise),
        ]
    )


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Compare the gateway with other proxies.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each proxy")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="length of a turn")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    for program in ("nginx", "wrk"):
        if not find(program):
            raise SystemExit(f"Install {program} first (Debian: apt-get install {program}).")
    noise = Noise()
    rounds_by_contestant, direct = measure(options.rounds, options.seconds)
    section = report(rounds_by_contestant, direct, noise.measure(), options.rounds)
    print(section)
    if not options.only_print:
        write("throughput", section)


if __name__ == "__main__":
    main()
