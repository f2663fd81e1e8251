"""
Notices of the control plane to an agent, which it doesn't answer: where control planes are, and that it should move.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from holdfast.gateway.control.messages import MalformedMessage, Members
from holdfast.network.addresses import Addresses

MAX_CONTROL_PLANES = 64  # addresses in a notice
_LONGEST_HOST = 255


@dataclass(frozen=True, slots=True)
class ControlPlanes:
    """The control planes that run now: *addresses* are their discovery ports. The agent stores them."""

    KIND: ClassVar[str] = "control planes"
    addresses: Addresses

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return _describe(self.addresses)

    @classmethod
    def from_members(cls, members: Members) -> "ControlPlanes":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(_read_addresses(members))


@dataclass(frozen=True, slots=True)
class Move:
    """Connect to another control plane, preferably at one of *addresses*; without another one, stay."""

    KIND: ClassVar[str] = "move"
    addresses: Addresses

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return _describe(self.addresses)

    @classmethod
    def from_members(cls, members: Members) -> "Move":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(_read_addresses(members))


Notice = ControlPlanes | Move
NOTICES: Mapping[str, type[Notice]] = {kind.KIND: kind for kind in (ControlPlanes, Move)}


def _describe(addresses: Addresses) -> dict[str, Any]:
    return {"addresses": [{"host": host, "port": port} for host, port in addresses[:MAX_CONTROL_PLANES]]}


def _read_addresses(members: Members) -> Addresses:
    addresses = [
        (address.read_text("host", _LONGEST_HOST), address.read_number("port", 65535))
        for address in members.read_objects("addresses", MAX_CONTROL_PLANES)
    ]
    if not all(host and port for host, port in addresses):
        raise MalformedMessage("addresses holds one without host or port")
    return tuple(addresses)
