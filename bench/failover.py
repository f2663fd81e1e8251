"""
Time until the second endpoint of a failover group answers after the first one fails.

`make bench` runs it and writes the table to docs/reference/benchmarks.md.
"""

import argparse
import ipaddress
import secrets
import socket
import ssl
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from holdfast.apis.publisher_paths import PREFIX
from measuring import Noise, describe_machine, find_free_ports, holdfast_up, issue, percentile, write

HOST = "127.0.0.1"
ROUNDS, REQUESTS = 3, 50
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n"


class Backend:
    """An HTTPS backend that answers with its name, and that can be made to fail."""

    def __init__(self, name: bytes, directory: Path) -> None:
        certificate, key = issue("a backend", [x509.IPAddress(ipaddress.ip_address(HOST))])
        self.pem = certificate.public_bytes(Encoding.PEM)
        file = directory / name.decode()
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + self.pem)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(file)
        self._name, self._open, self.failing = name, set[socket.socket](), ""
        self._listening = socket.create_server((HOST, 0), backlog=128)
        self.url = f"https://{HOST}:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Backend":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.close()
        self.fail("closed")

    def fail(self, how: str) -> None:
        """Close all connections; new ones are *closed* at once, or *silent*. Empty: work again."""
        self.failing = how
        for connection in list(self._open) if how else ():
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _accept(self) -> None:
        silent = []
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                if self.failing == "closed":
                    connection.close()
                elif self.failing:
                    silent.append(connection)
                else:
                    threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), self._tls.wrap_socket(connection, server_side=True) as tls:
            self._open.add(tls)
            while tls.recv(65536):
                tls.sendall(ANSWER + self._name)
            self._open.discard(tls)


def measure(caller: httpx2.Client, path: str, first: Backend, how: str) -> tuple[float, float, int]:
    """Let *first* fail; return milliseconds until the second one answers, the slowest request after, and failures."""
    while caller.get(path).text != "first ":
        time.sleep(0.2)
    first.fail(how)
    durations, failures = [], 0
    for _ in range(REQUESTS):
        start = time.monotonic()
        failures += caller.get(path).status_code != 200
        durations.append((time.monotonic() - start) * 1000)
    first.fail("")
    return durations[0], percentile(durations[1:], 0.99), failures


def report(rounds_by_fault: dict[str, list[tuple[float, float, int]]], noise: float) -> str:
    """Write the section of the page."""
    lines = [
        "## Failover",
        "",
        f"A failover group of two endpoints gets {REQUESTS} requests, one after the other, once the first one fails.",
        "*First request* is the one that notices it. A silent endpoint costs the connect timeout (5 s by default).",
        "",
        "| the first endpoint | rounds | first request, p50 | max | later requests, p99 | failed requests |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for how, rounds in rounds_by_fault.items():
        begin = [one[0] for one in rounds]
        later = max(one[1] for one in rounds)
        failures = sum(one[2] for one in rounds)
        notice = f"{percentile(begin, 0.5):.1f} ms | {max(begin):.1f} ms"
        lines.append(f"| {how} | {len(rounds)} | {notice} | {later:.1f} ms | {failures} |")
    return "\n".join([*lines, "", *describe_machine(noise)])


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure failover.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise, rounds_by_fault = Noise(), {}
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory, ExitStack() as stack:
        first, second = (stack.enter_context(Backend(name, Path(directory))) for name in (b"first ", b"second"))
        data, password, ports = Path(directory) / "data", secrets.token_urlsafe(), find_free_ports(3)
        stack.enter_context(holdfast_up(data, password, *ports))
        publisher = f"http://{HOST}:{ports[0]}"
        rest = httpx2.Client(base_url=publisher, trust_env=False, timeout=60, auth=("admin", password))
        endpoints = {"production_endpoints": {"url": first.url}, "production_failovers": [{"url": second.url}]}
        body = {"name": "Pair", "context": "/pair", "version": "1"}
        config = {"endpointConfig": {"endpoint_type": "failover", **endpoints}}
        api = rest.post(f"{PREFIX}/apis", json=body | config).raise_for_status().json()
        for backend, alias in ((first, "first"), (second, "second")):
            form = {"alias": alias, "endpoint": backend.url}
            files = {"certificate": (f"{alias}.pem", backend.pem)}
            rest.post(f"{PREFIX}/endpoint-certificates", data=form, files=files).raise_for_status()
        action = {"action": "Publish", "apiId": api["id"]}
        rest.post(f"{PREFIX}/apis/change-lifecycle", params=action).raise_for_status()
        with httpx2.Client(base_url=f"http://{HOST}:{ports[1]}", trust_env=False, timeout=60) as caller:
            rounds = [measure(caller, "/pair/1/x", first, "closed") for _ in range(options.rounds)]
            rounds_by_fault["closes all connections"] = rounds
            rounds_by_fault["accepts connections, but is silent"] = [measure(caller, "/pair/1/x", first, "silent")]
    section = report(rounds_by_fault, noise.measure())
    print(section)
    if not options.only_print:
        write("failover", section)


if __name__ == "__main__":
    main()
