"""
Time from importing or deleting a certificate until the gateway enforces the change.

It uses a real `holdfast up` with its Envoy, and a real TLS backend, in separate processes. `make bench` runs it and
writes the table to docs/reference/benchmarks.md.
"""

import argparse
import asyncio
import multiprocessing
import re
import secrets
import socket
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from holdfast.apis.publisher_paths import PREFIX
from holdfast.demo.backend import serve
from measuring import Noise, describe_machine, find_free_ports, holdfast_up, percentile, write

ROUNDS = 200
AIM = 50.0  # milliseconds until a change is enforced, p99
WITHIN = 10.0  # seconds for one change; longer is a failure, not a slow change
SETTLED = 3  # consecutive responses that must show the change before the next one
PAUSE = 0.001  # seconds between two calls of the gateway; the resolution of the measurement


@dataclass(frozen=True, slots=True)
class Target:
    """The addresses of the running parts, and the credentials for them."""

    publisher: str
    gateway: tuple[str, int]
    password: str
    backend_port: int
    certificate: bytes
    data: Path  # the publisher's data directory
    ca: bytes | None = None  # of the publisher's certificate; None: it is reached without TLS, or has a public one


@dataclass(slots=True)
class ChangeTimes:
    """Milliseconds for one kind of change, one value for each round; *starts* are times of `perf_counter`."""

    starts: list[float] = field(default_factory=list)
    request: list[float] = field(default_factory=list)
    enforcement: list[float] = field(default_factory=list)


class Caller:
    """A caller that calls the gateway continuously on one connection and records when its responses change."""

    def __init__(self, address: tuple[str, int], path: str) -> None:
        self._address = address
        self._request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        self._expected = 0
        self._since = 0.0
        self._first: asyncio.Future[float] | None = None
        self._in_a_row = 0  # responses with the expected status
        self._settled = asyncio.Event()
        self.setbacks = 0  # responses from before the change that came after the first one with it
        self.connections = 0
        self.calls = 0

    async def run(self) -> None:
        """Call until cancelled."""
        while True:
            reader, writer = await asyncio.open_connection(*self._address)
            self.connections += 1
            try:
                while True:
                    writer.write(self._request)
                    self._take(await read_status(reader))
                    await asyncio.sleep(PAUSE)
            except asyncio.IncompleteReadError:
                continue
            finally:
                writer.close()

    def expect(self, status: int) -> asyncio.Future[float]:
        """Return a future with the time of the next response with *status*."""
        self._expected, self._in_a_row = status, 0
        self._settled.clear()
        self._first = asyncio.get_running_loop().create_future()
        return self._first

    def fail(self, error: BaseException) -> None:
        """Let those who wait for a response fail with *error*, instead of at its time limit."""
        if self._first and not self._first.done():
            self._first.set_exception(error)

    async def wait_until_settled(self) -> None:
        """Wait until SETTLED responses in a row have had the expected status."""
        await self._settled.wait()

    def _take(self, status: int) -> None:
        self.calls += 1
        if status == self._expected:
            if self._first and not self._first.done():
                self._first.set_result(time.perf_counter())
            self._in_a_row += 1
            if self._in_a_row >= SETTLED:
                self._settled.set()
        elif self._first and self._first.done():
            self.setbacks += 1
            self._in_a_row = 0


async def read_status(reader: asyncio.StreamReader) -> int:
    """Read a response, and return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    if length is None:
        raise ValueError(f"The response has no Content-Length: {head!r}")
    await reader.readexactly(int(length[1]))
    return int(head.split(b" ", 2)[1])


async def measure(target: Target, host: str, rounds: int) -> tuple[ChangeTimes, ChangeTimes, Caller]:
    """Import and delete the certificate of the backend at *host*, *rounds* times."""
    endpoint = f"https://{host}:{target.backend_port}"
    context = f"bench-{host}"
    caller = Caller(target.gateway, f"/{context}/1/menu")
    imports, deletions = ChangeTimes(), ChangeTimes()
    verify = ssl.create_default_context(cadata=target.ca.decode()) if target.ca else True
    async with httpx2.AsyncClient(
        base_url=target.publisher + PREFIX, auth=("admin", target.password), verify=verify, trust_env=False
    ) as client:
        config = {"endpoint_type": "http", "production_endpoints": {"url": endpoint}}
        body = {"name": context, "context": context, "version": "1", "endpointConfig": config}
        api = (await client.post("/apis", json=body)).raise_for_status().json()
        refusal = caller.expect(503)
        async with _running(caller):
            publish = {"action": "Publish", "apiId": api["id"]}
            (await client.post("/apis/change-lifecycle", params=publish)).raise_for_status()
            await asyncio.wait_for(refusal, WITHIN)
            for _ in range(rounds):
                upload = client.build_request(
                    "POST",
                    "/endpoint-certificates",
                    data={"alias": "bench", "endpoint": endpoint},
                    files={"certificate": target.certificate},
                )
                await _change(client, upload, 201, caller, 200, imports)
                delete = client.build_request("DELETE", "/endpoint-certificates/bench")
                await _change(client, delete, 200, caller, 503, deletions)
        (await client.delete(f"/apis/{api['id']}")).raise_for_status()
    return imports, deletions, caller


async def _change(
    client: httpx2.AsyncClient, request: httpx2.Request, expected: int, caller: Caller, status: int, into: ChangeTimes
) -> None:
    async with asyncio.timeout(WITHIN):
        first = caller.expect(status)
        start = time.perf_counter()
        into.starts.append(start)
        answer = await client.send(request)
        into.request.append((time.perf_counter() - start) * 1000)
        if answer.status_code != expected:
            raise ValueError(f"{request.method} {request.url} returned {answer.status_code} {answer.text}")
        into.enforcement.append((await first - start) * 1000)
        await caller.wait_until_settled()


@asynccontextmanager
async def _running(caller: Caller) -> AsyncIterator[None]:
    task = asyncio.create_task(caller.run())
    task.add_done_callback(
        lambda ended_task: ended_task.cancelled() or caller.fail(ended_task.exception() or RuntimeError())
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


# The parts


async def _serve_backend(directory: Path, port: int) -> None:
    async with serve(directory, [port]):
        await asyncio.Event().wait()


def _run_backend(directory: Path, port: int) -> None:
    asyncio.run(_serve_backend(directory, port))


@contextmanager
def start_target(fill: Callable[[Path], None] | None = None) -> Iterator[Target]:
    """Start Holdfast, with the data directory that *fill* prepares, and a backend, on free ports."""
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench-")))
        publisher, gateway, sandbox, backend = find_free_ports(4)
        process = multiprocessing.get_context("spawn").Process(target=_run_backend, args=(data / "backend", backend))
        process.start()
        stack.callback(process.join)
        stack.callback(process.terminate)
        password = secrets.token_urlsafe()
        if fill:
            (data / "data").mkdir(mode=0o700)
            fill(data / "data")
        stack.enter_context(holdfast_up(data / "data", password, publisher, gateway, sandbox))
        _wait_for(("127.0.0.1", backend))
        certificate = (data / "backend" / "backend.pem").read_bytes()
        address = f"http://127.0.0.1:{publisher}"
        yield Target(address, ("127.0.0.1", gateway), password, backend, certificate, data / "data")


def _wait_for(address: tuple[str, int]) -> None:
    until = time.monotonic() + WITHIN
    while True:
        try:
            socket.create_connection(address).close()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


# The result


def write_table(times_by_change: Mapping[tuple[str, str], ChangeTimes]) -> list[str]:
    """Return the table: for each change, the time until the publisher's response, and until the gateway enforces it."""
    lines = ["| endpoint | change | time until | p50 | p99 | max |", "|---|---|---|---:|---:|---:|"]
    for (host, change), times in times_by_change.items():
        for what, values in (("publisher's response", times.request), ("**enforced**", times.enforcement)):
            numbers = (percentile(values, 0.5), percentile(values, 0.99), max(values))
            cells = " | ".join(f"{number:.1f} ms" for number in numbers)
            lines.append(f"| `https://{host}` | {change} | {what} | {cells} |")
    return lines


def report(
    times_by_change: Mapping[tuple[str, str], ChangeTimes], callers: Sequence[Caller], noise: float, rounds: int
) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    worst = max(percentile(times.enforcement, 0.99) for times in times_by_change.values())
    verdict = f"The target, a p99 under {AIM:.0f} ms, is {'met' if worst < AIM else 'MISSED'}: {worst:.1f} ms."
    calls, setbacks = sum(caller.calls for caller in callers), sum(caller.setbacks for caller in callers)
    return "\n".join(
        [
            "## Time to trust",
            "",
            f"{rounds} imports and {rounds} deletions of a certificate, one after the other, with one gateway, for an",
            "endpoint with a DNS name and one with an IP address.",
            "Times are from sending the POST or DELETE until the publisher's response, and until the gateway's first",
            "response that shows the change: 200 after an import, 503 after a deletion.",
            "During the measurement, a caller calls the gateway continuously on one open connection,",
            f"{PAUSE * 1000:.0f} ms after each response.",
            "",
            *write_table(times_by_change),
            "",
            verdict,
            f"Of {calls:,} responses, {setbacks} fell back to the state before the change.",
            "",
            *describe_machine(noise),
        ]
    )


async def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure the time from importing a certificate until it is enforced.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="imports and deletions for each endpoint")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise = Noise()
    times_by_change: dict[tuple[str, str], ChangeTimes] = {}
    callers = []
    with start_target() as target:
        for host in ("localhost", "127.0.0.1"):
            imports, deletions, caller = await measure(target, host, options.rounds)
            times_by_change |= {(host, "import"): imports, (host, "delete"): deletions}
            callers.append(caller)
    section = report(times_by_change, callers, noise.measure(), options.rounds)
    print(section)
    if not options.only_print:
        write("time_to_trust", section)


if __name__ == "__main__":
    asyncio.run(main())
