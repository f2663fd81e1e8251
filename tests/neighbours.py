"""
Control planes of one database in one process: each has its presence and its mailbox.

    async with neighbours(store) as (a, b):
        await a.mailbox.ask(b.id, "kind", b"question", PATIENCE)
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.server.clock import utc_now
from holdfast.services.background import Background
from holdfast.services.control_planes.mailbox import Mailbox
from holdfast.services.control_planes.presence import Presence
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing

PATIENCE = 30.0  # seconds until a test that waits for something fails
SEALING = Sealing(lambda: (bytes(32),))


@dataclass
class Neighbour:
    """One control plane."""

    presence: Presence
    mailbox: Mailbox
    background: Background
    is_stopped: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return self.presence.own.id

    async def stop(self) -> None:
        """Stop it."""
        if not self.is_stopped:
            self.is_stopped = True
            await self.background.__aexit__()
            await self.presence.end()


@asynccontextmanager
async def control_plane(store: Store, name: str, sealing: Sealing = SEALING) -> AsyncIterator[Neighbour]:
    """Run one control plane until the block ends."""
    own = ControlPlane(str(uuid4()), name, "1", utc_now(), utc_now())
    presence = Presence(store, own, name, shared=True)
    await presence.begin()
    async with Background() as background:
        mailbox = Mailbox(store, sealing, presence, utc_now)
        background.start("presence", presence.follow)
        background.start("mailbox", mailbox.follow)
        neighbour = Neighbour(presence, mailbox, background)
        try:
            yield neighbour
        finally:
            await neighbour.stop()


@asynccontextmanager
async def neighbours(store: Store, names: str = "ab") -> AsyncIterator[Sequence[Neighbour]]:
    """Run control planes that know each other until the block ends."""
    async with AsyncExitStack() as stack:
        control_planes = [await stack.enter_async_context(control_plane(store, name)) for name in names]
        await until(lambda: all(len(one.mailbox.others) == len(names) - 1 for one in control_planes))
        yield control_planes


async def until(condition: Callable[[], object]) -> None:
    """Wait until *condition* is true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.002)
