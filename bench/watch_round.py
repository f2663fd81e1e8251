"""
One round of the watch over 5,000 endpoints, and what requests to the publisher notice of it.

It uses a real `holdfast up`, and a TLS backend on 5,000 ports. `make bench` runs it and writes the section to
docs/reference/benchmarks.md.
"""

import argparse
import asyncio
import ipaddress
import multiprocessing
import secrets
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import insert

from holdfast.apis.publisher_paths import PREFIX
from holdfast.server.clock import utc_now
from holdfast.server.machine.directories import DATABASE_FILE
from holdfast.store.access import accounts
from holdfast.store.database import Store
from holdfast.store.location import Location
from holdfast.store.tables import ApiRow, EndpointCertificateRow, TrustedCertificateRow
from lists import make_api, make_entry
from measuring import Noise, describe_machine, find_free_ports, holdfast_up, issue, percentile, write

ENDPOINTS = 5_000
REQUESTS = 300  # before the round
PATH = f"{PREFIX}/apis"
HOST = ipaddress.ip_address("127.0.0.1")
AIM = 3.0  # the p50 during the round, as a multiple of that before
PAUSE = 0.05  # seconds between two requests


@contextmanager
def backends(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, count: int) -> Iterator[list[int]]:
    """Run a TLS server on *count* ports, in a separate process; yield the ports."""
    sockets = [socket.create_server((str(HOST), 0)) for _ in range(count)]
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.write(certificate.public_bytes(Encoding.PEM))
        file.flush()
        process = multiprocessing.get_context("fork").Process(target=serve, args=(sockets, file.name), daemon=True)
        process.start()
        ports = [listener.getsockname()[1] for listener in sockets]
        for listener in sockets:
            listener.close()
        try:
            yield ports
        finally:
            process.kill()
            process.join()


def serve(sockets: list[socket.socket], file: str) -> None:
    """Answer TLS handshakes on *sockets* until the process is killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
            writer.close()

    async def run() -> None:
        for listener in sockets:
            await asyncio.start_server(end, sock=listener, ssl=context)
        await asyncio.Event().wait()

    asyncio.run(run())


def fill(location: Location, ports: list[int], der: bytes) -> None:
    """Create the database: an API for each port, which trusts the certificate."""
    now = datetime.now(UTC)
    store = Store(location, utc_now())
    urls = [f"https://{HOST}:{port}" for port in ports]
    entries = [make_entry(number, url, now) for number, url in enumerate(urls)]
    values = {"position": 0, "organization_id": "default", "der": der}
    with store.write() as session:
        accounts.insert_organization(session, "default", now)
        session.execute(insert(ApiRow), [make_api(number, url, now) for number, url in enumerate(urls)])
        session.execute(insert(EndpointCertificateRow), entries)
        session.execute(
            insert(TrustedCertificateRow), [values | {"endpoint_certificate_id": entry["id"]} for entry in entries]
        )
    store.close()


def measure_request(client: httpx2.Client, path: str) -> float:
    """Return the milliseconds until the response was complete."""
    began = time.perf_counter()
    answer = client.get(path)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:
        raise ValueError(f"GET {path} returned {answer.status_code}")
    return took


def count_unchecked(client: httpx2.Client) -> int:
    """Return how many endpoints aren't checked yet; all of them before the watch has begun."""
    totals = [
        client.get(f"{PREFIX}/watched-endpoints", params={"limit": 1} | query).json()["pagination"]["total"]
        for query in ({"status": "not_checked"}, {})
    ]
    return totals[0] if totals[1] else -1


def report(before: list[float], during: list[float], seconds: float, count: int, noise: float) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    ratio = percentile(during, 0.5) / percentile(before, 0.5)
    lines = [
        "## A round of the watch",
        "",
        f"Holdfast checks {count:,} endpoints for the first time: a TLS handshake with each backend, and the verdict",
        "of a gateway about each, two at a time (`HOLDFAST_WATCH_CONCURRENCY`). Meanwhile, a client requests the first",
        f"25 of as many APIs over REST, {PAUSE * 1000:.0f} ms after each response; before, the watch is off.",
        "",
        "| requests | p50 | p99 | max |",
        "|---|---:|---:|---:|",
    ]
    for what, values in (("before the round", before), ("during the round", during)):
        numbers = (percentile(values, 0.5), percentile(values, 0.99), max(values))
        lines.append(f"| {what} ({len(values):,}) | {' | '.join(f'{number:.1f} ms' for number in numbers)} |")
    verdict = "met" if ratio < AIM else "MISSED"
    lines += [
        "",
        f"The round took {seconds:.0f} s: {count / seconds:.0f} endpoints per second. In later rounds, with the",
        f"default interval, one endpoint is checked every {6 * 3600 / count:.1f} s, and no gateway is asked unless",
        "something is new.",
        f"The target, a p50 of less than {AIM:.0f} times that before the round, is {verdict}: {ratio:.1f} times.",
    ]
    return "\n".join([*lines, "", *describe_machine(noise)])


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure a round of the watch.")
    parser.add_argument("--endpoints", type=int, default=ENDPOINTS)
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    certificate, key = issue("a backend", [x509.IPAddress(HOST)])
    noise = Noise()
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory,
        backends(certificate, key, options.endpoints) as listening,
    ):
        data, password = Path(directory) / "data", secrets.token_urlsafe()
        data.mkdir(mode=0o700)
        fill(data / DATABASE_FILE, listening, certificate.public_bytes(Encoding.DER))
        ports = find_free_ports(3)
        url = f"http://127.0.0.1:{ports[0]}"
        with httpx2.Client(base_url=url, trust_env=False, timeout=60, auth=("admin", password)) as client:
            with holdfast_up(data, password, *ports, HOLDFAST_WATCH_INTERVAL="0"):
                measure_request(client, PATH)
                before = [measure_request(client, PATH) for _ in range(REQUESTS)]
            with holdfast_up(data, password, *ports):
                began, during = time.monotonic(), []
                while count := count_unchecked(client):
                    for _ in range(20):
                        during.append(measure_request(client, PATH))
                        time.sleep(PAUSE)
                    print(f"{count} left", flush=True)
                seconds = time.monotonic() - began
    section = report(before, during, seconds, options.endpoints, noise.measure())
    print(section)
    if not options.only_print:
        write("watch_round", section)


if __name__ == "__main__":
    main()
