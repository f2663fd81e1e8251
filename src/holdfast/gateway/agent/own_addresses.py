"""
The addresses on which this machine serves callers, where they differ from those of its group.
"""

from collections.abc import Container, Mapping
from dataclasses import replace
from types import MappingProxyType

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
    # Most gateways use the addresses of their group, and this loads Envoy's messages.
    from holdfast.gateway.agent.moved_listeners import move_listener

    return replace(resource, body=move_listener(resource.body, own))


def find_unused(addresses: OwnAddresses, listeners: Container[str]) -> list[str]:
    """Return the names of those *addresses* that stand for none of the *listeners* of the gateway's group."""
    return [name for name in addresses if name not in listeners]
