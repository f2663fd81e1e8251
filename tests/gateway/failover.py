"""
Agents at discovery ports, whose Envoy uses everything at once.

    async with running(Agent(tmp_path, port.enroll(NAME)[0])):
        await until(lambda: follows(port))
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.discovery_port import Port
from gateway.edge import PATIENCE
from holdfast.gateway.agent.control_plane import RemoteControlPlane, keep_connected
from holdfast.gateway.agent.expiry import Expiries
from holdfast.gateway.agent.in_force import EnvoyProgress
from holdfast.gateway.agent.membership import Membership
from holdfast.gateway.agent.open_listeners import OpenListeners
from holdfast.gateway.agent.upstream import Upstream
from holdfast.gateway.control.client import ControlClient
from holdfast.gateway.control.probes import EnvoyProbes
from holdfast.gateway.discovery.cache import Cache
from holdfast.network.addresses import Addresses
from holdfast.server.clock import utc_now

NAME = "eu-1"


class Agent:
    """An agent whose Envoy uses everything at once."""

    def __init__(self, directory: Path, membership: Membership, addresses: Addresses = ()) -> None:
        """*addresses* are those of the command line."""
        self.control_plane = RemoteControlPlane(directory, membership, utc_now, addresses)
        self.cache, self.received = Cache(), 0
        envoy, _ = self.cache.connect("envoy", utc_now())
        envoy.started = True
        in_force = EnvoyProgress(self.cache, OpenListeners(self.cache))
        expiries = Expiries(self.cache, utc_now)
        lose = self.control_plane.lose
        self.upstream = Upstream(self.cache, NAME, utc_now, in_force, expiries, self._save, on_loss=lose)
        probes = EnvoyProbes(self.cache, Path("nowhere"))
        self.control = ControlClient(probes, notify=self.control_plane.take, on_loss=lose)
        self._envoy = envoy

    def end_envoy(self) -> None:
        """Let its Envoy be as one that hasn't started."""
        self._envoy.started = False
        self.cache.tell_observers()

    async def _save(self, upserts, _removals) -> None:
        for resource in upserts:
            self.received += 1
            self._envoy.acknowledged[resource.type_url, resource.name] = resource.version

    async def run(self) -> None:
        """Follow control planes until cancelled."""
        await keep_connected(self.control_plane, self.upstream.follow, self.control.keep)


@asynccontextmanager
async def running(agent: Agent) -> AsyncIterator[None]:
    """Run an agent until the block ends."""
    task = asyncio.create_task(agent.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that no observer is woken for."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(0.002)


def follows(port: Port) -> bool:
    """Return whether a gateway follows the control plane at *port*."""
    return bool(port.control.gateways and port.groups.gateways)
