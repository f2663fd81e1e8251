"""
Requests that fail during rotations, restarts and crashes, and how long each part takes to recover.

Publisher and gateway run separately, as two services do, and a few callers call continuously. `make bench` runs it and
writes the table to docs/reference/benchmarks.md.
"""

import argparse
import asyncio
import contextlib
import os
import re
import secrets
import signal
import ssl
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from holdfast.apis.publisher_paths import PREFIX
from holdfast.demo.backend import serve
from lists import make_certificate
from measuring import Noise, describe_machine, find_agent_process, find_envoy_process, find_free_ports, write

ROTATIONS, RESTARTS, HOT_RESTARTS, KILLS = 1_000, 20, 5, 3
CALLERS = 4
PAUSE = 0.005  # seconds between two calls of one caller
SETTLED = 1.0  # seconds from one event to the next
WITHIN = 60.0  # seconds for one step
ALIAS = "bench"


@dataclass(slots=True)
class Traffic:
    """Callers that call without a pause; each request that isn't answered with 200 counts as failed."""

    port: int
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    succeeded_at: float = 0.0  # the last time
    _outcome: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Call until cancelled."""
        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(self._call())

    async def _call(self) -> None:
        while True:
            try:
                await self._use_connection()
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self._fail(repr(error))
                await asyncio.sleep(PAUSE)

    async def _use_connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while True:
                self.requests += 1
                writer.write(b"GET /bench/1.0/menu HTTP/1.1\r\nHost: bench\r\n\r\n")
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = re.search(rb"content-length: (\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                if head.startswith(b"http/1.1 200"):
                    self.succeeded_at = time.perf_counter()
                    self._outcome.set()
                else:
                    self._fail(head.decode())
                if b"connection: close" in head:
                    return
                await asyncio.sleep(PAUSE)
        finally:
            writer.close()

    def _fail(self, reason: str) -> None:
        self.failures.append(reason)
        self._outcome.set()

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* is true after a request."""
        async with asyncio.timeout(WITHIN):
            while not condition():
                self._outcome.clear()
                await self._outcome.wait()

    async def recover(self) -> None:
        """Wait until a request succeeds."""
        now = time.perf_counter()
        await self.wait(lambda: self.succeeded_at > now)


@dataclass(frozen=True, slots=True)
class Event:
    """An event, how many times, requests meanwhile, failed ones, and the longest time that it took in seconds."""

    name: str
    times: int
    requests: int
    failures: Sequence[str]
    longest: float | None = None


@dataclass(slots=True)
class House:
    """A publisher and a gateway that run separately."""

    data: Path
    ports: Sequence[int]  # publisher, gateway, sandbox
    password: str
    publisher: Process | None = None
    gateway: Process | None = None

    async def start_publisher(self) -> None:
        """Start the publisher, and wait until it is ready."""
        options = [
            f"--{name}=127.0.0.1:{port}"
            for name, port in zip(("publisher", "gateway", "sandbox"), self.ports, strict=True)
        ]
        self.publisher = await self._start("up", "--without-gateway", f"--data={self.data}", *options)
        await _read_until(self.publisher, b"Ready")

    async def start_gateway(self) -> None:
        """Start the gateway, and wait until its agent runs."""
        self.gateway = await self._start("gateway", "run", f"--data={self.data / 'gateway'}")
        await _read_until(self.gateway, b"The gateway is starting")

    async def restart_publisher(self) -> None:
        """Stop the publisher in order, and start it again."""
        if self.publisher:
            self.publisher.terminate()
            await self.publisher.wait()
        await self.start_publisher()

    async def restart_gateway(self) -> None:
        """Replace Envoy and agent."""
        process = await self._start("gateway", "restart", f"--data={self.data / 'gateway'}")
        if await process.wait():
            raise RuntimeError("The gateway was not restarted.")

    async def stop(self) -> None:
        """Stop both."""
        await (await self._start("gateway", "stop", f"--data={self.data / 'gateway'}")).wait()
        if self.publisher and self.publisher.returncode is None:
            self.publisher.terminate()
            await self.publisher.wait()

    async def _start(self, *arguments: str) -> Process:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        environment |= {"HOLDFAST_ADMIN_PASSWORD": self.password, "HOLDFAST_REQUESTS_PER_SECOND": "0"}
        program = str(Path(sys.executable).with_name("holdfast"))
        return await asyncio.create_subprocess_exec(program, *arguments, env=environment, stdout=PIPE)

    def client(self) -> httpx2.AsyncClient:
        """Return a client of the publisher's REST API."""
        url = f"http://127.0.0.1:{self.ports[0]}{PREFIX}"
        return httpx2.AsyncClient(base_url=url, auth=("admin", self.password), trust_env=False, timeout=WITHIN)


async def _read_until(process: Process, line: bytes) -> None:
    async with asyncio.timeout(WITHIN):
        while process.stdout and not (await process.stdout.readline()).startswith(line):
            if process.stdout.at_eof():
                raise RuntimeError("A process did not start. See its messages above.")


@asynccontextmanager
async def start_house() -> AsyncIterator[tuple[House, bytes]]:
    """Start a backend, a publisher, and a gateway with an API of the backend; yield the backend's certificate, too."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory:
        backend, *ports = find_free_ports(4)
        house = House(Path(directory) / "data", ports, secrets.token_urlsafe())
        async with serve(Path(directory) / "backend", [backend]):
            pem = (Path(directory) / "backend" / "backend.pem").read_bytes()
            await house.start_publisher()
            await house.start_gateway()
            try:
                await _publish(house, f"https://127.0.0.1:{backend}", pem)
                yield house, pem
            finally:
                await house.stop()


async def _publish(house: House, endpoint: str, pem: bytes) -> None:
    async with house.client() as client:
        config = {"endpoint_type": "http", "production_endpoints": {"url": endpoint}}
        body = {"name": "bench", "context": "/bench", "version": "1.0", "endpointConfig": config}
        api = (await client.post("/apis", json=body)).raise_for_status().json()
        form, files = {"alias": ALIAS, "endpoint": endpoint}, {"certificate": pem}
        (await client.post("/endpoint-certificates", data=form, files=files)).raise_for_status()
        publish = {"action": "Publish", "apiId": api["id"]}
        (await client.post("/apis/change-lifecycle", params=publish)).raise_for_status()


async def rotate(house: House, pem: bytes, times: int) -> None:
    """Replace the certificate with itself and another one, and the other way round, *times* times."""
    bundle = pem + ssl.DER_cert_to_PEM_cert(make_certificate(0)).encode()
    async with house.client() as client:
        for number in range(times):
            files = {"certificate": pem if number % 2 else bundle}
            (await client.put(f"/endpoint-certificates/{ALIAS}", files=files)).raise_for_status()


async def observe(traffic: Traffic, name: str, times: int, act: Callable[[], Awaitable[None]]) -> Event:
    """Do something *times* times, and count the requests meanwhile."""
    requests, failures, took = traffic.requests, len(traffic.failures), [0.0]
    for _ in range(times):
        began = time.perf_counter()
        await act()
        took.append(time.perf_counter() - began)
        await asyncio.sleep(SETTLED)
    return Event(name, times, traffic.requests - requests, traffic.failures[failures:], max(took))


async def measure(rotations: int, restarts: int, hot_restarts: int, kills: int) -> list[Event]:
    """Let everything happen while callers call."""
    async with start_house() as (house, pem):
        traffic = Traffic(house.ports[1])
        calling = asyncio.create_task(traffic.run())
        try:
            await traffic.recover()
            traffic.failures.clear()

            async def kill_publisher() -> None:
                if house.publisher:
                    house.publisher.kill()
                    await house.publisher.wait()
                await house.start_publisher()

            async def kill_agent() -> None:
                os.kill(find_agent_process(house.data), signal.SIGKILL)
                if house.gateway:
                    await house.gateway.wait()
                await house.start_gateway()

            async def kill_envoy() -> None:
                failures = len(traffic.failures)
                os.kill(find_envoy_process(house.data), signal.SIGKILL)
                await traffic.wait(lambda: len(traffic.failures) > failures)
                await traffic.recover()

            rotation = await observe(traffic, "rotation", 1, lambda: rotate(house, pem, rotations))
            return [
                Event("rotation of a certificate", rotations, rotation.requests, rotation.failures),
                await observe(traffic, "restart of the publisher", restarts, house.restart_publisher),
                await observe(traffic, "`kill -9` of the publisher, and a start", kills, kill_publisher),
                await observe(traffic, "`kill -9` of Envoy", kills, kill_envoy),
                await observe(traffic, "`kill -9` of the agent, and a start", kills, kill_agent),
                await observe(traffic, "hot restart of the gateway", hot_restarts, house.restart_gateway),
            ]
        finally:
            calling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await calling


def report(events: Sequence[Event], noise: float) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    lines = [
        "## Faults",
        "",
        f"{CALLERS} callers call continuously, with {PAUSE * 1000:.0f} ms between two requests. Publisher and gateway",
        "run separately. The time is that until the new publisher is ready, the new Envoy has taken over, a request",
        "succeeds again, or the new agent runs.",
        "",
        "| event | times | requests meanwhile | failed | longest time |",
        "|---|---:|---:|---:|---:|",
    ]
    for event in events:
        took = "" if event.longest is None else f"{event.longest:.2f} s"
        lines.append(f"| {event.name} | {event.times:,} | {event.requests:,} | {len(event.failures):,} | {took} |")
    return "\n".join([*lines, "", *describe_machine(noise)])


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Count the requests that fail during rotations, restarts and crashes.")
    parser.add_argument("--rotations", type=int, default=ROTATIONS)
    parser.add_argument("--restarts", type=int, default=RESTARTS, help="restarts of the publisher")
    parser.add_argument("--hot-restarts", type=int, default=HOT_RESTARTS, help="hot restarts of the gateway")
    parser.add_argument("--kills", type=int, default=KILLS, help="how often each part is killed")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise = Noise()
    events = asyncio.run(measure(options.rotations, options.restarts, options.hot_restarts, options.kills))
    section = report(events, noise.measure())
    print(section)
    for event in events:
        for reason in sorted(set(event.failures))[:5]:
            print(f"{event.name}: {event.failures.count(reason)} x {reason}", file=sys.stderr)
    if not options.only_print:
        write("faults", section)


if __name__ == "__main__":
    main()
