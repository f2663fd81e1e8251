"""A start that is stopped ends, even if the event that it waits for happens at the same moment."""

import asyncio
from pathlib import Path

import pytest

from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.resources.listeners import name_listener
from holdfast.gateway.resources.resource import LISTENER, Resource
from holdfast.server.machine.listen_addresses import GatewayListener
from holdfast.services.publishing.listeners import Listeners

ADDRESS = (("127.0.0.1", 9),)


@pytest.mark.parametrize("turns", range(5))
def test_a_stop_is_not_lost_if_a_gateway_responds_in_the_same_turn(turns):
    async def story():
        cache = Cache()
        name = name_listener("production", tls=False)
        cache.apply([Resource(LISTENER, name, "1", b"")])
        listener = GatewayListener("gateway", "production", tls=False, addresses=ADDRESS, url="")
        listening = Listeners(cache, "local", [listener])
        waiting = asyncio.create_task(listening.wait(Path("envoy.log")))
        for _ in range(3):
            await asyncio.sleep(0)
        cache.tell_observers()
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        done_tasks, _ = await asyncio.wait([waiting], timeout=20)
        assert done_tasks
        assert waiting.cancelled()

    asyncio.run(story())
