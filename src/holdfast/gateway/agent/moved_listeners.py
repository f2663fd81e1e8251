"""
Listeners on other addresses than those of the gateway's group.
"""

from collections.abc import Sequence

from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.listener.v3.listener_pb2 import AdditionalAddress, Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from holdfast.gateway.resources.caller_http import build_http1_options
from holdfast.network.addresses import Addresses


def move_listener(body: bytes, own: Addresses) -> bytes:
    """Return the serialized listener *body* on the addresses *own*, of which there is at least one."""
    listener = Listener.FromString(body)
    first, *others = (_build_address(host, port) for host, port in own)
    listener.address.CopyFrom(first)
    del listener.additional_addresses[:]
    listener.additional_addresses.extend(AdditionalAddress(address=address) for address in others)
    _set_default_host(listener, own)
    content: bytes = listener.SerializeToString(deterministic=True)
    return content


def _set_default_host(listener: Listener, own: Sequence[tuple[str, int]]) -> None:
    """Set the host that requests without one are for (HTTP/1.0)."""
    host = build_http1_options(*own[0]).default_host_for_http_10
    for chain in listener.filter_chains:
        for network_filter in chain.filters:
            if network_filter.typed_config.Is(HttpConnectionManager.DESCRIPTOR):
                manager = HttpConnectionManager()
                network_filter.typed_config.Unpack(manager)
                manager.http_protocol_options.default_host_for_http_10 = host
                network_filter.typed_config.Pack(manager, deterministic=True)


def _build_address(host: str, port: int) -> Address:
    return Address(socket_address=SocketAddress(address=host, port_value=port))
