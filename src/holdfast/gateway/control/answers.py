"""
Answers of an agent: the results of probes. They come from another machine, so each value is limited.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from holdfast.gateway.control.messages import MalformedMessage, Members, encode
from holdfast.gateway.control.requests import read_addresses
from holdfast.gateway.probing.connection import MAX_REASON, Answer, HeadAnswer
from holdfast.network.presentation import MAX_BYTES, MAX_CERTIFICATES, FailedHandshake, Handshake, Obstacle

MAX_ANSWER = 256 * 1024  # bytes
_FINGERPRINT = re.compile(r"([0-9a-f]{64})?")
_WORD = 100  # characters
_MAX_FLAGS = 20
_HIGHEST_STATUS = 599


@dataclass(frozen=True, slots=True)
class ConnectResult:
    """The gateway's result of `Connect`: it is connected, or the connection failed."""

    KIND: ClassVar[str] = "connected"
    id: int
    answer: Answer

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        answer = self.answer
        return {
            "id": self.id,
            "connected": answer.connected,
            "reason": answer.reason,
            "flags": answer.flags,
            "address": answer.address,
            "tlsVersion": answer.tls_version,
            "cipher": answer.cipher,
            "fingerprint": answer.fingerprint,
        }

    @classmethod
    def from_members(cls, members: Members) -> "ConnectResult":
        """Return the message with these *members*. Raises MalformedMessage."""
        answer = Answer(
            members.read_flag("connected"),
            members.read_text("reason", MAX_REASON),
            members.read_text("flags", _WORD),
            members.read_text("address", _WORD),
            members.read_text("tlsVersion", _WORD),
            members.read_text("cipher", _WORD),
            members.read_matching("fingerprint", _FINGERPRINT, 64),
        )
        return cls(members.read_number("id"), answer)


@dataclass(frozen=True, slots=True)
class ConnectionEnd:
    """The backend has closed the connection of this probe."""

    KIND: ClassVar[str] = "closed"
    id: int

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"id": self.id}

    @classmethod
    def from_members(cls, members: Members) -> "ConnectionEnd":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(members.read_number("id"))


@dataclass(frozen=True, slots=True)
class HeadResult:
    """The gateway's result of `Head`."""

    KIND: ClassVar[str] = "headed"
    id: int
    answer: HeadAnswer

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"id": self.id, "status": self.answer.status, "flags": sorted(self.answer.flags)}

    @classmethod
    def from_members(cls, members: Members) -> "HeadResult":
        """Return the message with these *members*. Raises MalformedMessage."""
        flags = frozenset(members.read_texts("flags", _MAX_FLAGS, _WORD))
        return cls(members.read_number("id"), HeadAnswer(members.read_number("status", _HIGHEST_STATUS), flags))


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """There is no result: Envoy *rejected* the resources, or it didn't answer; *reason* says why."""

    KIND: ClassVar[str] = "failed"
    id: int
    rejected: bool
    reason: str

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"id": self.id, "rejected": self.rejected, "reason": self.reason[:MAX_REASON]}

    @classmethod
    def from_members(cls, members: Members) -> "ProbeFailure":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(members.read_number("id"), members.read_flag("rejected"), members.read_text("reason", MAX_REASON))


@dataclass(frozen=True, slots=True)
class ResolveResult:
    """The result of `Resolve`; without *addresses*, *reason* says why there are none."""

    KIND: ClassVar[str] = "resolved"
    id: int
    addresses: tuple[str, ...]
    reason: str = ""

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"id": self.id, "addresses": self.addresses, "reason": self.reason[:MAX_REASON]}

    @classmethod
    def from_members(cls, members: Members) -> "ResolveResult":
        """Return the message with these *members*. Raises MalformedMessage."""
        addresses = read_addresses(members, "addresses")
        return cls(members.read_number("id"), addresses, members.read_text("reason", MAX_REASON))


@dataclass(frozen=True, slots=True)
class HandshakeResult:
    """The result of `ProbeBackend`: a handshake in which the backend presented certificates."""

    KIND: ClassVar[str] = "seen"
    id: int
    handshake: Handshake

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        handshake = self.handshake
        return {
            "id": self.id,
            "address": handshake.address,
            "sent": [encode(certificate) for certificate in handshake.certificates],
            "beyond": handshake.beyond,
            "tlsVersion": handshake.tls_version,
            "cipher": handshake.cipher,
            "alpn": handshake.alpn,
            "asksForCertificate": handshake.asks_for_certificate,
            "ended": handshake.end_reason[:MAX_REASON],
        }

    @classmethod
    def from_members(cls, members: Members) -> "HandshakeResult":
        """Return the message with these *members*. Raises MalformedMessage."""
        handshake = Handshake(
            members.read_text("address", _WORD),
            members.read_byte_strings("sent", MAX_CERTIFICATES, MAX_BYTES),
            members.read_number("beyond", MAX_BYTES),
            members.read_text("tlsVersion", _WORD),
            members.read_text("cipher", _WORD),
            members.read_text("alpn", _WORD),
            members.read_flag("asksForCertificate"),
            members.read_text("ended", MAX_REASON),
        )
        return cls(members.read_number("id"), handshake)


@dataclass(frozen=True, slots=True)
class FailedHandshakeResult:
    """The result of `ProbeBackend` if the backend presented no certificates."""

    KIND: ClassVar[str] = "not seen"
    id: int
    handshake: FailedHandshake

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        handshake = self.handshake
        return {
            "id": self.id,
            "obstacle": handshake.obstacle.value,
            "text": handshake.text[:MAX_REASON],
            "address": handshake.address,
        }

    @classmethod
    def from_members(cls, members: Members) -> "FailedHandshakeResult":
        """Return the message with these *members*. Raises MalformedMessage."""
        obstacle = members.read_text("obstacle", _WORD)
        if obstacle not in set(Obstacle):
            raise MalformedMessage("obstacle is unknown")
        handshake = FailedHandshake(
            Obstacle(obstacle), members.read_text("text", MAX_REASON), members.read_text("address", _WORD)
        )
        return cls(members.read_number("id"), handshake)


Result = ConnectResult | HeadResult | ResolveResult | HandshakeResult | FailedHandshakeResult | ProbeFailure
AgentMessage = Result | ConnectionEnd
_KINDS: tuple[type[AgentMessage], ...] = (
    ConnectResult,
    ConnectionEnd,
    HeadResult,
    ResolveResult,
    HandshakeResult,
    FailedHandshakeResult,
    ProbeFailure,
)
ANSWERS: Mapping[str, type[AgentMessage]] = {kind.KIND: kind for kind in _KINDS}
