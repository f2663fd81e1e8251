"""
Time from importing a certificate until gateways enforce it, with up to 200 gateways.

One gateway is real, with its Envoy. The others are simulated: streams of incremental xDS that acknowledge everything at
once, all in one process. With more than one gateway, the time of the last one counts, too. `make bench` runs it and
writes the table to docs/reference/benchmarks.md.
"""

import argparse
import asyncio
import multiprocessing
import time
from bisect import bisect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import grpc.aio
from envoy.service.discovery.v3.ads_pb2_grpc import AggregatedDiscoveryServiceStub
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from holdfast.gateway.agent.agent import DISCOVERY_SOCKET
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET
from measuring import Noise, machine, percentile, write
from time_to_trust import WITHIN, measure, started

COUNTS = (1, 10, 100, 200)
ROUNDS = 50
AIMS = {1: 50.0, 200: 300.0}  # milliseconds, p99, by number of gateways
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of imports and deletions until the real gateway, and until all simulated ones, have the change."""

    real: list[float]
    simulated: list[float]

    @property
    def everywhere(self) -> list[float]:
        """The time of the last gateway."""
        return [max(pair) for pair in zip(self.real, self.simulated, strict=True)] if self.simulated else self.real


async def _follow(socket: Path, arrivals: list[float], ready: asyncio.Queue[None]) -> None:
    """Run one simulated gateway; note when clusters arrive."""
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        requests: asyncio.Queue[DeltaDiscoveryRequest] = asyncio.Queue()

        async def sent() -> AsyncIterator[DeltaDiscoveryRequest]:
            while True:
                yield await requests.get()

        for type_url in (SECRET, CLUSTER, LISTENER, ROUTES):
            requests.put_nowait(DeltaDiscoveryRequest(type_url=type_url))
        waiting = {SECRET, CLUSTER, LISTENER, ROUTES}
        async for response in AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources(sent()):
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
def simulated(socket: Path, count: int) -> Iterator[Callable[[float], list[list[float]]]]:
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


def last_arrivals(sent: Sequence[float], arrivals: Sequence[Sequence[float]]) -> list[float]:
    """
    Return for each change, *sent* at this time, the milliseconds until the last simulated gateway had it.

    A gateway that has missed a change has it with its next update, which contains the latest state.
    """
    return [max(own[bisect(own, moment)] - moment for own in arrivals) * 1000 for moment in sent]


async def measure_with(count: int, rounds: int) -> Times:
    """Start Holdfast, connect *count* gateways, and import and delete a certificate *rounds* times."""
    with started() as target:
        with simulated(target.data / DISCOVERY_SOCKET, count - 1) as collect:
            imports, deletions, _ = await measure(target, "127.0.0.1", rounds)
            sent = imports.sent + deletions.sent
            arrivals = await asyncio.to_thread(collect, max(sent)) if count > 1 else []
        return Times(imports.enforced + deletions.enforced, last_arrivals(sent, arrivals) if arrivals else [])


def report(times: dict[int, Times], others: float, rounds: int) -> str:
    """Return the section for docs/reference/benchmarks.md."""
    lines = [
        "## Number of gateways",
        "",
        f"{rounds} imports and {rounds} deletions of a certificate, one after the other. One gateway is real; the",
        "others are simulated streams that acknowledge everything at once, in one process on the same machine.",
        "Times are from sending the request until the real gateway enforces it, and until the last one has the change.",
        "",
        "| gateways | real one, p50 | real one, p99 | last one, p50 | last one, p99 |",
        "|---:|---:|---:|---:|---:|",
    ]
    for count, each in times.items():
        shares = [percentile(values, share) for values in (each.real, each.everywhere) for share in (0.5, 0.99)]
        lines.append(f"| {count} | " + " | ".join(f"{value:.0f} ms" for value in shares) + " |")
    lines.append("")
    for count in sorted(AIMS.keys() & times.keys()):
        worst = percentile(times[count].everywhere, 0.99)
        met = "met" if worst < AIMS[count] else "missed"
        lines.append(f"The target for {count:,} of them, a p99 under {AIMS[count]:.0f} ms, is {met}: {worst:.0f} ms.")
    return "\n".join([*lines, "", *machine(others)])


def main() -> None:
    """Measure, print the section, and write it to the page."""
    parser = argparse.ArgumentParser(description="Measure how the number of gateways affects the time of a change.")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="numbers of gateways")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="imports and deletions")
    parser.add_argument("--only-print", action="store_true", help="don't change docs/reference/benchmarks.md")
    options = parser.parse_args()
    noise = Noise()
    times = {count: asyncio.run(measure_with(count, options.rounds)) for count in options.counts}
    section = report(times, noise.others(), options.rounds)
    print(section)
    if not options.only_print:
        write("agents", section)


if __name__ == "__main__":
    main()
