"""
Agents between a control plane and an Envoy, over real streams; an `Edge` speaks as Envoy does.

    async with chain(tmp_path) as (cache, agent, envoy):
        cache.apply([make("a")])
        await envoy.take()
"""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.edge import PATIENCE, Edge, discovery
from holdfast.gateway.agent.channels import open_local_channel
from holdfast.gateway.agent.expiry import Expiries
from holdfast.gateway.agent.in_force import EnvoyProgress
from holdfast.gateway.agent.open_listeners import OpenListeners
from holdfast.gateway.agent.upstream import Upstream
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, Resource
from holdfast.server.clock import utc_now


def make(name, version="1", type_url=CLUSTER, **more):
    return Resource(type_url, name, version, b"", **more)


class Agent:
    """An agent, what it stored, and the Envoy that speaks to it."""

    def __init__(self, cache, directory, callers_tls=None):
        self.cache, self.saved = cache, []
        self.failure = None  # of saving
        self.disk = asyncio.Event()  # cleared while it doesn't answer
        self.disk.set()
        self.address = f"unix:{directory / 'control' / 'ads'}"
        self.clock = utc_now  # tests that move the time replace it
        self.expiries = Expiries(cache, self.now)
        self.listeners = OpenListeners(cache)
        in_force = EnvoyProgress(cache, self.listeners)
        self.upstream = Upstream(cache, "eu-1", self.now, in_force, self.expiries, self.save, callers_tls=callers_tls)

    def now(self):
        return self.clock()

    async def save(self, upserts, removals):
        if self.failure:
            raise self.failure
        await self.disk.wait()
        self.saved += [(resource.name, resource.version) for resource in upserts] + [(name, "") for _, name in removals]

    @asynccontextmanager
    async def running(self):
        async with open_local_channel(self.address) as channel:
            work = (self.upstream.follow(channel), self.expiries.follow(), self.listeners.follow())
            tasks = [asyncio.create_task(coroutine) for coroutine in work]
            try:
                yield self
            finally:
                for task in tasks:
                    task.cancel()


async def until(true):
    """Wait for a condition that no observer is woken for."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(0.002)


async def start_envoy(connect) -> Edge:
    """Connect as Envoy does: it requests listeners once it uses its clusters."""
    envoy = await connect("eu-1")
    await envoy.ask(CLUSTER)
    await envoy.take()
    await envoy.ask(LISTENER)
    await envoy.take()
    return envoy


async def take_changes(envoy, number):
    """Acknowledge responses until they contain *number* changes, and return these."""
    changes = {}
    while len(changes) < number:
        changes |= await envoy.take()
    return changes


def make_directory(tmp_path, name):
    directory = tmp_path / name
    directory.mkdir(exist_ok=True)
    return directory


async def begin(stack, tmp_path):
    """Start an agent and its Envoy; the control plane comes and goes in `control`."""
    make_directory(tmp_path, "control")
    own, connect = await stack.enter_async_context(discovery(make_directory(tmp_path, "agent"), serves_envoys=True))
    agent = await stack.enter_async_context(Agent(own, tmp_path).running())
    return await start_envoy(connect), agent


async def serve_envoys(stack, tmp_path):
    """Start a control plane and an agent; return the former's cache, the agent, and what connects an Envoy to it."""
    control, _ = await stack.enter_async_context(discovery(make_directory(tmp_path, "control")))
    own, connect = await stack.enter_async_context(discovery(make_directory(tmp_path, "agent"), serves_envoys=True))
    return control, await stack.enter_async_context(Agent(own, tmp_path).running()), connect


@asynccontextmanager
async def chain(tmp_path):
    """A control plane's cache, an agent, and its Envoy, connected."""
    async with AsyncExitStack() as stack:
        envoy, agent = await begin(stack, tmp_path)
        cache, _ = await stack.enter_async_context(discovery(tmp_path / "control"))
        await until(lambda: cache.gateways and cache.gateways[0].started)
        yield cache, agent, envoy
