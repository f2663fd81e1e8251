"""
One resource type on one stream: what Envoy asked for, what it was sent, what it made of that.

The rules of the incremental variant of the xDS protocol:
https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from holdfast.gateway.discovery.cache import Gateway, Rejection
from holdfast.gateway.resources.resource import Resource

WILDCARD = "*"
# Envoy's gRPC messages to us and ours to it stay far below the usual bound of 4 MiB for a single secret.
MAX_RESPONSE_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Update:
    """What a gateway must be told now."""

    nonce: str
    resources: tuple[Resource, ...]
    removed: tuple[str, ...]


@dataclass(slots=True)
class Subscription:
    """The state of one type on one stream."""

    type_url: str
    wildcard: bool = False
    names: set[str] = field(default_factory=set)
    sent: dict[str, str] = field(default_factory=dict)  # name -> version that the gateway was told ("" = removed)
    pending: dict[str, Update] = field(default_factory=dict)  # nonce -> update without an answer yet
    _nonces: "itertools.count[int]" = field(default_factory=itertools.count)
    _answered: bool = False

    def request(
        self, subscribe: Iterable[str], unsubscribe: Iterable[str], has: Mapping[str, str], *, first: bool
    ) -> None:
        """Take in a request; *has* are the versions that a reconnecting gateway still holds."""
        added = set(subscribe)
        if WILDCARD in added or (first and not added):
            self.wildcard = True  # a first request without names asks for everything
        self.sent.update(has)
        for name in added - {WILDCARD}:
            self.names.add(name)
            if name not in has:
                self.sent.pop(name, None)  # asked again: must be answered, even with what was sent before
        for name in unsubscribe:
            if name == WILDCARD:
                self.wildcard = False
                self.sent = {kept: version for kept, version in self.sent.items() if kept in self.names}
            self.names.discard(name)
            # Beside the star this makes it due once more: the gateway cannot know that the star holds it too.
            self.sent.pop(name, None)

    def forget(self, names: Iterable[str]) -> None:
        """Send *names* again with the next updates, also in the version that was sent."""
        for name in names:
            self.sent.pop(name, None)

    def updates(self, current: Mapping[str, Resource]) -> list[Update]:
        """Compare what the gateway was told with *current* and say what it must be told, in bounded pieces."""
        wanted = current.keys() if self.wildcard else self.names & current.keys()
        changed = [current[name] for name in wanted if self.sent.get(name) != current[name].version]
        gone = [name for name, version in self.sent.items() if version and name not in current]
        gone += [name for name in self.names - current.keys() if name not in self.sent]
        responses = [self._send(tuple(piece), ()) for piece in _pieces(changed)]
        # Who asked for everything waits for an answer, also when there is nothing: a starting Envoy for two seconds.
        if gone or (self.wildcard and not responses and not self._answered):
            responses.append(self._send((), tuple(gone)))
        self._answered |= bool(responses)
        return responses

    def _send(self, resources: tuple[Resource, ...], removed: tuple[str, ...]) -> Update:
        update = Update(str(next(self._nonces)), resources, removed)
        self.pending[update.nonce] = update
        for resource in resources:
            self.sent[resource.name] = resource.version
        for name in removed:
            if name in self.names:
                self.sent[name] = ""
            else:
                self.sent.pop(name, None)
        return update

    def answer(self, gateway: Gateway, nonce: str, error: str | None) -> bool:
        """
        Take in an ACK (*error* is None) or NACK; say whether the nonce was one of ours.

        A NACK of several resources names the bad ones in its text; the others are in force. A rejected version counts
        as sent, so it is never sent again.
        """
        update = self.pending.pop(nonce, None)
        if update is None:
            return False
        every = {resource.name for resource in update.resources}
        bad = (_named(every, error) or every) if error is not None else set()
        for resource in update.resources:
            key = (self.type_url, resource.name)
            if gateway.unanswered.get(key) == nonce:
                del gateway.unanswered[key]
            if resource.name in bad:
                gateway.rejected[key] = Rejection(resource.version, error or "")
            else:
                gateway.acknowledged[key] = resource.version
                gateway.rejected.pop(key, None)
        for name in update.removed:
            gateway.acknowledged.pop((self.type_url, name), None)
            gateway.rejected.pop((self.type_url, name), None)
        return True


def _named(names: Iterable[str], text: str) -> set[str]:
    """Find which of *names* stand in *text*, the longest first: one may be the beginning of another."""
    matches = set()
    for name in sorted(names, key=len, reverse=True):
        if name in text:
            matches.add(name)
            text = text.replace(name, "")
    return matches


def _pieces(resources: list[Resource]) -> Iterable[list[Resource]]:
    piece: list[Resource] = []
    size = 0
    for resource in resources:
        if piece and size + len(resource.body) > MAX_RESPONSE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(resource)
        size += len(resource.body)
    if piece:
        yield piece
