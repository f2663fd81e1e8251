"""
Time from importing a certificate until gateways enforce it, with up to 200 gateways.

Up to three gateways are real, each with its Envoy. The others are simulated: streams of incremental xDS that
acknowledge everything at once, all in one process. The time of the last gateway counts, too. `make bench` runs it and
writes the table to docs/reference/benchmarks.md.
"""

import argparse
import asyncio
import multiprocessing
import subprocess
import sys
import time
from bisect import bisect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import grpc.aio
from envoy.service.discovery.v3.ads_pb2_grpc import AggregatedDiscoveryServiceStub
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from holdfast.gateway.agent.agent import DISCOVERY_SOCKET
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET
from measuring import Noise, describe_machine, find_free_ports, percentile, write
from time_to_trust import PAUSE, WITHIN, Target, measure, read_status, start_target

COUNTS = (1, 10, 100, 200)
REAL = 3  # of them have an Envoy
ROUNDS = 50
PATH = "/bench-127.0.0.1/1/menu"  # of the API that `measure` creates
AIMS = {1: 50.0, 200: 300.0}  # milliseconds, p99, by number of gateways
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of imports and deletions until the last real gateway, and the last simulated one, has the change."""

    real: list[float]
    simulated: list[float]

    @property
    def everywhere(self) -> list[float]:
        """The time of the last gateway."""
        return [max(pair) for pair in zip(self.real, self.simulated, strict=True)] if self.simulated else self.real


@dataclass(slots=True)
class Watch:
    """Calls a gateway continuously, and records when the API begins and ceases to answer with 200."""

    address: tuple[str, int]
    changes: list[tuple[float, bool]] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Call until the block ends."""
        calling = asyncio.create_task(self._call())
        try:
            yield
        finally:
            calling.cancel()
            await asyncio.wait([calling])

    async def _call(self) -> None:
        while True:
            reader, writer = await asyncio.open_connection(*self.address)
            try:
                while True:
                    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
                    serves = await read_status(reader) == 200
                    if not self.changes or self.changes[-1][1] != serves:
                        self.changes.append((time.perf_counter(), serves))
                    await asyncio.sleep(PAUSE)
            except asyncio.IncompleteReadError:
                continue
            finally:
                writer.close()

    def took(self, start: float, serves: bool) -> float:
        """Return the milliseconds from *start* until the API's state was *serves*."""
        return next(moment - start for moment, state in self.changes if moment > start and state == serves) * 1000


@contextmanager
def more_gateways(target: Target, count: int) -> Iterator[list[Watch]]:
    """Run *count* more real gateways until the block ends; yield a watch of each."""
    program = str(Path(sys.executable).with_name("holdfast"))
    with ExitStack() as stack:
        watches = []
        for number in range(count):
            production, sandbox = find_free_ports(2)
            command = [program, "gateway", "run", f"--data={target.data.parent / f'real-{number}'}"]
            command += [f"--name=real-{number}", f"--control-plane=unix:{target.data / DISCOVERY_SOCKET}"]
            command += [f"--production=127.0.0.1:{production}", f"--sandbox=127.0.0.1:{sandbox}"]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.terminate)
            if not any("is ready" in line for line in process.stdout or ()):
                raise RuntimeError("A gateway did not start. See its messages above.")
            watches.append(Watch(("127.0.0.1", production)))
        yield watches


async def _follow(socket: Path, arrivals: list[float], ready: asyncio.Queue[None]) -> None:
    """Run one simulated gateway; note when clusters arrive."""
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        requests: asyncio.Queue[DeltaDiscoveryRequest] = asyncio.Queue()

        async def read_requests() -> AsyncIterator[DeltaDiscoveryRequest]:
            while True:
                yield await requests.get()

        for type_url in (SECRET, CLUSTER, LISTENER, ROUTES):
            requests.put_nowait(DeltaDiscoveryRequest(type_url=type_url))
        waiting = {SECRET, CLUSTER, LISTENER, ROUTES}
        async for response in AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources(read_requests()):
            _take(response, requests, arrivals)
            if response.type_url in waiting:
                waiting.discard(response.type_url)
                if not waiting:
                    ready.put_nowait(None)


def _take(
    response: DeltaDiscoveryResponse, requests: asyncio.Queue[DeltaDiscoveryRequest], arrivals: list[float]
) -> None:
    if response.type_url == CLUSTER:
        arrivals.append(time.perf_counter())
    requests.put_nowait(DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce))


async def _simulate(socket: Path, count: int, pipe: Connection) -> None:
    """Run the gateways until *pipe* says when the last change was sent, and all have it; send when updates arrived."""
    arrivals: list[list[float]] = [[] for _ in range(count)]
    ready: asyncio.Queue[None] = asyncio.Queue()
    agents = [asyncio.create_task(_follow(socket, own, ready)) for own in arrivals]
    for _ in agents:
        await ready.get()
    pipe.send(None)
    last = await asyncio.to_thread(pipe.recv)
    async with asyncio.timeout(WITHIN):
        while any(own[-1] < last for own in arrivals):  # noqa: ASYNC110 - there are as many events as gateways
            await asyncio.sleep(0.05)
    for agent in agents:
        agent.cancel()
    await asyncio.wait(agents)
    pipe.send(arrivals)


def _run(socket: Path, count: int, pipe: Connection) -> None:
    asyncio.run(_simulate(socket, count, pipe))


@contextmanager
def simulate_gateways(socket: Path, count: int) -> Iterator[Callable[[float], list[list[float]]]]:
    """Connect *count* simulated gateways; the function returns when updates arrived, once all have the last change."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(socket, count, theirs))

    def collect(last: float) -> list[list[float]]:
        ours.send(last)
        arrivals: list[list[float]] = ours.recv()
        return arrivals

    process.start()
    try:
        ours.recv()
        yield collect
    finally:
        process.terminate()
        process.join()


def find_last_arrivals(starts: Sequence[float], arrivals: Sequence[Sequence[float]]) -> list[float]:
    """
    Return for each change, started at *starts*, the milliseconds until the last simulated gateway had it.

    A gateway that has missed a change has it with its next update, which contains the latest state.
    """
    return [max(own[bisect(own, moment)] - moment for own in arrivals) * 1000 for moment in starts]


async def measure_with(count: int, rounds: int) -> Times:
    """Start Holdfast, connect *count* gateways, and import and delete a certificate *rounds* times."""
    real = min(count, REAL)
    with start_target() as target, more_gateways(target, real - 1) as watches:
        with simulate_gateways(target.data / DISCOVERY_SOCKET, count - real) as collect:
            async with AsyncExitStack() as stack:
                for watch in watches:
                    await stack.enter_async_context(watch.running())
                imports, deletions, _ = await measure(target, "127.0.0.1", rounds)
                async with asyncio.timeout(WITHIN):
                    while any(watch.changes[-1][1] for watch in watches):  # noqa: ASYNC110 - nothing sets an event
                        await asyncio.sleep(PAUSE)
            starts = imports.starts + deletions.starts
            arrivals = await asyncio.to_thread(collect, max(starts)) if count > real else []
        first = imports.enforcement + deletions.enforcement
        states = [True] * len(imports.starts) + [False] * len(deletions.starts)
        times_of_watches = [
            [watch.took(*arguments) for arguments in zip(starts, states, strict=True)] for watch in watches
        ]
        last = [max(times) for times in zip(first, *times_of_watches, strict=True)]
        return Times(last, find_last_arrivals(starts, arrivals) if arrivals else [])


def report(times: dict[int, Times], noise: float, rounds: int) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    lines = [
        "## Number of gateways",
        "",
        f"{rounds} imports and {rounds} deletions of a certificate, one after the other. Up to {REAL} gateways",
        "are real; the others are simulated streams that acknowledge everything at once, in one process on the same",
        "machine. Times are from sending the request until the last real gateway enforces it, and until all have it.",
        "",
        "| gateways | real ones, p50 | real ones, p99 | all, p50 | all, p99 |",
        "|---:|---:|---:|---:|---:|",
    ]
    for count, times_of_count in times.items():
        shares = [
            percentile(values, share)
            for values in (times_of_count.real, times_of_count.everywhere)
            for share in (0.5, 0.99)
        ]
        lines.append(f"| {count} | " + " | ".join(f"{value:.0f} ms" for value in shares) + " |")
    lines.append("")
    for count in sorted(AIMS.keys() & times.keys()):
        worst = percentile(times[count].everywhere, 0.99)
        met = "met" if worst < AIMS[count] else "missed"
        lines.append(f"The target for {count:,} of them, a p99 under {AIMS[count]:.0f} ms, is {met}: {worst:.0f} ms.")
    return "\n".join([*lines, "", *describe_machine(noise)])


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure how the number of gateways affects the time of a change.")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="numbers of gateways")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="imports and deletions")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise = Noise()
    times = {count: asyncio.run(measure_with(count, options.rounds)) for count in options.counts}
    section = report(times, noise.measure(), options.rounds)
    print(section)
    if not options.only_print:
        write("agents", section)


if __name__ == "__main__":
    main()
