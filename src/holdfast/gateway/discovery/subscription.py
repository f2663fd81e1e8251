"""
One resource type on one stream: what Envoy subscribed to, what it was sent, and what it acknowledged.

A change costs as much as it changes: only names that changed, or that the gateway asked for, are compared.

The rules of the incremental variant of the xDS protocol:
https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from holdfast.gateway.discovery.cache import Gateway, Rejection
from holdfast.gateway.resources.resource import Resource

WILDCARD = "*"
# The version of a resource that an agent has but that isn't in force: it is then sent or removed.
NOT_IN_FORCE = "not in force"
# Keeps messages far below gRPC's usual limit of 4 MiB; a larger resource gets its own message.
MAX_RESPONSE_BYTES = 2 * 1024 * 1024
# Characters of a NACK: in more, no names are searched, because that would stop all other streams; and of what is kept.
LONGEST_NACK, MAX_REASON = 256 * 1024, 4096


@dataclass(frozen=True, slots=True)
class Update:
    """A response to send: changed resources and the names of removed ones."""

    nonce: str
    resources: tuple[Resource, ...]
    removed: tuple[str, ...]


@dataclass(slots=True)
class Subscription:
    """The state of one type on one stream."""

    type_url: str
    wildcard: bool = False
    withheld: frozenset[str] = frozenset()  # names that don't exist for this gateway
    # The gateway applies all resources of an update or none, and takes the first update for its initial state.
    applied_as_one: bool = False
    names: set[str] = field(default_factory=set)
    sent: dict[str, str] = field(default_factory=dict)  # name -> version sent to the gateway ("": removed)
    pending: dict[str, Update] = field(default_factory=dict)  # nonce -> update without an ACK or NACK yet
    # Names that the gateway had when it connected, don't exist anymore, and aren't removed yet.
    retained: set[str] = field(default_factory=set)
    _due: dict[str, None] = field(default_factory=dict)  # names to compare with the next updates
    _divided: list[list[str]] = field(default_factory=list)  # names of rejected updates, by the next update with them
    _compare_all: bool = True
    _nonces: "itertools.count[int]" = field(default_factory=itertools.count)
    _answered: bool = False

    def request(
        self, subscribe: Iterable[str], unsubscribe: Iterable[str], has: Mapping[str, str], *, first: bool
    ) -> None:
        """Apply a request; *has* are the versions that a reconnecting gateway still has."""
        new_names = set(subscribe)
        # A first request without names subscribes to everything.
        if not self.wildcard and (WILDCARD in new_names or (first and not new_names)):
            self.wildcard = self._compare_all = True
        self.sent.update(has)
        self._due.update(dict.fromkeys(has))
        for name in new_names - {WILDCARD}:
            self.names.add(name)
            self._due[name] = None
            if name not in has:
                self.sent.pop(name, None)  # subscribed again: must be sent again, even if unchanged
        for name in unsubscribe:
            if name == WILDCARD:
                self.wildcard = False
                self.sent = {key: version for key, version in self.sent.items() if key in self.names}
            self.names.discard(name)
            # With a wildcard, this sends it once more: the gateway can't know that the wildcard includes it.
            self.sent.pop(name, None)
            self._due[name] = None

    def retain(self, has: Mapping[str, str], current: Mapping[str, Resource]) -> bool:
        """Leave what isn't in *current* to a gateway that *has* it, until `release`; return whether there is any."""
        self.retained |= {name for name, version in has.items() if name not in current and version != NOT_IN_FORCE}
        return bool(self.retained)

    def release(self) -> None:
        """Remove what was retained with the next updates, unless it exists again."""
        self._due.update(dict.fromkeys(self.retained))
        self.retained.clear()

    def forget(self, names: Iterable[str]) -> None:
        """Send *names* again with the next updates, even if they haven't changed."""
        for name in names:
            self.sent.pop(name, None)
            self._due[name] = None

    def take_updates(self, current: Mapping[str, Resource], changes: Iterable[str]) -> list[Update]:
        """
        Return the updates that bring the gateway from what it was sent to *current*.

        Their size is limited, except that of an initial state that is applied as one.

        *changes* are the names of all resources that were added, changed or removed since the last call.
        """
        upserts, gone = [], []
        for name in self._take_due(current, changes):
            resource, version = None if name in self.withheld else current.get(name), self.sent.get(name)
            if resource is None:
                if name not in self.retained and (version or (version is None and name in self.names)):
                    gone.append(name)
            elif version != resource.version and (self.wildcard or name in self.names):
                upserts.append(resource)
        limit = None if self.applied_as_one and not self._answered else MAX_RESPONSE_BYTES
        groups = self._take_divided(upserts)
        responses = [self._send(tuple(piece), ()) for group in groups for piece in _split(group, limit)]
        # A wildcard subscriber needs a response even if there are no resources: a starting Envoy waits two seconds.
        if gone or (self.wildcard and not responses and not self._answered):
            responses.append(self._send((), tuple(gone)))
        self._answered |= bool(responses)
        return responses

    def _take_due(self, current: Mapping[str, Resource], changes: Iterable[str]) -> Iterable[str]:
        due, self._due = self._due, {}
        if self._compare_all:
            self._compare_all = False
            due.update(dict.fromkeys([*(current if self.wildcard else ()), *self.sent, *self.names]))
        due.update(dict.fromkeys(changes))
        return due

    def _send(self, resources: tuple[Resource, ...], removals: tuple[str, ...]) -> Update:
        update = Update(str(next(self._nonces)), resources, removals)
        self.pending[update.nonce] = update
        for resource in resources:
            self.sent[resource.name] = resource.version
        for name in removals:
            if name in self.names:
                self.sent[name] = ""
            else:
                self.sent.pop(name, None)
        return update

    def answer(self, gateway: Gateway, nonce: str, error: str | None) -> bool:
        """
        Record an ACK (*error* is None) or NACK; return whether the nonce is known.

        A NACK of several resources names the rejected ones in its text; the others are in force. If they are applied as
        one, none is, and each half is sent again. A rejected version counts as sent, so it is never sent again. Agents
        answer when something is in force, so the answer to an update can come after that to a later one, and then isn't
        about what the later one replaced.
        """
        update = self.pending.pop(nonce, None)
        if update is None:
            return False
        self._supersede(gateway, update)
        if error is not None and self.applied_as_one and len(update.resources) > 1:
            self._divide(gateway, update)
            return True
        all_names = {resource.name for resource in update.resources}
        bad = (_select_named(all_names, error) or all_names) if error is not None else set()
        reason = (error or "")[:MAX_REASON]
        for resource in update.resources:
            key = (self.type_url, resource.name)
            if gateway.unanswered.get(key) == nonce:
                del gateway.unanswered[key]
            gateway.awaited.discard(key)
            if not (self.wildcard or resource.name in self.names):
                continue  # the gateway unsubscribed before it got this, and has dropped it
            if resource.name in bad:
                gateway.rejected[key] = Rejection(resource.version, reason)
            else:
                gateway.acknowledged[key] = resource.version
                gateway.rejected.pop(key, None)
        for name in update.removed:
            gateway.acknowledged.pop((self.type_url, name), None)
            gateway.rejected.pop((self.type_url, name), None)
        return True

    def _divide(self, gateway: Gateway, update: Update) -> None:
        """Let the next updates bring each half of a rejected update, until one has only what the gateway rejects."""
        names = [resource.name for resource in update.resources]
        self._divided += [names[: len(names) // 2], names[len(names) // 2 :]]
        for name in names:
            key = (self.type_url, name)
            if gateway.unanswered.get(key) != update.nonce:
                continue  # a later update replaces it
            del gateway.unanswered[key]
            self._due[name] = None
            if version := gateway.acknowledged.get(key):
                self.sent[name] = version
            else:
                self.sent.pop(name, None)

    def _take_divided(self, upserts: list[Resource]) -> list[list[Resource]]:
        """Return *upserts* in groups that are sent separately: each half of a rejected update, and all others."""
        if not self._divided:
            return [upserts]
        divided_names, self._divided = self._divided, []
        others = {resource.name: resource for resource in upserts}
        groups = [[others.pop(name) for name in names if name in others] for names in divided_names]
        return [*groups, list(others.values())]

    def _supersede(self, gateway: Gateway, update: Update) -> None:
        """Take what *update* is about out of earlier updates without an answer."""
        names = {*update.removed, *(resource.name for resource in update.resources)}
        for nonce, earlier in list(self.pending.items()):
            if int(nonce) > int(update.nonce):
                return
            for resource in earlier.resources:
                key = (self.type_url, resource.name)
                if resource.name in names and gateway.unanswered.get(key) == nonce:  # it was removed
                    del gateway.unanswered[key]
            resources = tuple(resource for resource in earlier.resources if resource.name not in names)
            removals = tuple(name for name in earlier.removed if name not in names)
            self.pending[nonce] = replace(earlier, resources=resources, removed=removals)


def _select_named(names: Iterable[str], text: str) -> set[str]:
    """Return those of *names* that *text* contains, longest first, because one may be a prefix of another."""
    matches: set[str] = set()
    if len(text) > LONGEST_NACK:
        return matches
    for name in sorted(names, key=len, reverse=True):
        if name in text:
            matches.add(name)
            text = text.replace(name, "")
    return matches


def _split(resources: list[Resource], most: int | None) -> Iterable[list[Resource]]:
    """Yield *resources* in pieces of at most *most* bytes, or in one."""
    piece: list[Resource] = []
    size = 0
    for resource in resources:
        if piece and most is not None and size + len(resource.body) > most:
            yield piece
            piece, size = [], 0
        piece.append(resource)
        size += len(resource.body)
    if piece:
        yield piece
