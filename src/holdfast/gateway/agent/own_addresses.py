"""
The addresses on which this machine serves callers, where they differ from those of its group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.listener.v3.listener_pb2 import AdditionalAddress, Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from holdfast.gateway.resources.caller_http import build_http1_options
from holdfast.gateway.resources.resource import LISTENER, Resource
from holdfast.network.addresses import Addresses

OwnAddresses = Mapping[str, Addresses]  # IP addresses and ports, by the listener's name (`production`, `sandbox/tls`)
GROUP_ADDRESSES: OwnAddresses = MappingProxyType({})


def use_own_addresses(resource: Resource, addresses: OwnAddresses) -> Resource:
    """
    Return a listener on the addresses that *addresses* has for it; any other resource unchanged.

    The version stays, because it is what the control plane asks about.
    """
    own = addresses.get(resource.name) if resource.type_url == LISTENER else None
    if not own:
        return resource
    listener = Listener.FromString(resource.body)
    first, *others = (_address(host, port) for host, port in own)
    listener.address.CopyFrom(first)
    del listener.additional_addresses[:]
    listener.additional_addresses.extend(AdditionalAddress(address=address) for address in others)
    _set_default_host(listener, own)
    return replace(resource, body=listener.SerializeToString(deterministic=True))


def _set_default_host(listener: Listener, own: Sequence[tuple[str, int]]) -> None:
    """Set the host that requests without one are for (HTTP/1.0)."""
    host = build_http1_options(*own[0]).default_host_for_http_10
    for chain in listener.filter_chains:
        for each in chain.filters:
            if each.typed_config.Is(HttpConnectionManager.DESCRIPTOR):
                manager = HttpConnectionManager()
                each.typed_config.Unpack(manager)
                manager.http_protocol_options.default_host_for_http_10 = host
                each.typed_config.Pack(manager)


def _address(host: str, port: int) -> Address:
    return Address(socket_address=SocketAddress(address=host, port_value=port))
