"""
Whether Envoy accepts connections on its listeners: it acknowledges a listener a moment before.
"""

import asyncio
from datetime import datetime

from holdfast.gateway.discovery.cache import Cache, Gateway
from holdfast.gateway.resources.partial_messages import declare_message
from holdfast.gateway.resources.resource import LISTENER, Resource
from holdfast.network.addresses import Addresses
from holdfast.network.sockets import does_answer

LOOK_AGAIN = 0.02  # seconds between attempts to connect to a listener that was acknowledged
# The addresses of `envoy.config.listener.v3.Listener`: its own module takes 1 MB.
Listener = declare_message(
    "Listener",
    {
        "SocketAddress": [("address", 2, "string"), ("port_value", 3, "uint32")],
        "Address": [("socket_address", 1, "SocketAddress")],
        "AdditionalAddress": [("address", 1, "Address")],
        "Listener": [("address", 2, "Address"), ("additional_addresses", 33, "AdditionalAddress*")],
    },
)
_Key = tuple[int, datetime, str, str]  # an Envoy, since when it is connected, a listener, its version


class OpenListeners:
    """Connects to each acknowledged listener until it answers. Lives on one event loop."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._open: set[_Key] = set()

    def has(self, envoy: Gateway, listener: Resource) -> bool:
        """Return whether *envoy* accepts connections on all addresses of *listener*."""
        return _make_key(envoy, listener) in self._open

    async def follow(self) -> None:
        """Watch the listeners until cancelled."""
        observer = self._cache.observe()
        try:
            while True:
                observer.clear()
                if await self._look():
                    asyncio.get_running_loop().call_later(LOOK_AGAIN, observer.set)
                await observer.wait()
        finally:
            self._cache.stop_observing(observer)

    async def _look(self) -> bool:
        """Connect to listeners that haven't answered yet; return whether there still are some."""
        listeners = self._find_acknowledged()
        self._open &= listeners.keys()
        for key in listeners.keys() - self._open:
            if all([await does_answer(address) for address in _read_addresses(listeners[key])]):
                # In the meantime, another version may have replaced it.
                self._open |= {key} & self._find_acknowledged().keys()
                self._cache.tell_observers()
        return self._find_acknowledged().keys() != self._open

    def _find_acknowledged(self) -> dict[_Key, Resource]:
        return {
            _make_key(envoy, listener): listener
            for name, listener in self._cache.get_resources(LISTENER).items()
            for envoy in self._cache.gateways
            if envoy.has((LISTENER, name), listener.version)
        }


def _make_key(envoy: Gateway, listener: Resource) -> _Key:
    return id(envoy), envoy.connected_at, listener.name, listener.version


def _read_addresses(resource: Resource) -> Addresses:
    listener = Listener.FromString(resource.body)
    addresses = [listener.address, *(more.address for more in listener.additional_addresses)]
    return tuple((address.socket_address.address, address.socket_address.port_value) for address in addresses)
