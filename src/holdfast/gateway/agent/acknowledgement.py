"""
Which updates of a control plane can be acknowledged: only those that this gateway's Envoy uses completely.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from holdfast.gateway.agent.in_force import EnvoyProgress, State
from holdfast.gateway.agent.rejections import Rejections
from holdfast.gateway.agent.storing import is_stored
from holdfast.gateway.discovery.cache import Cache, ResourceKey

log = structlog.get_logger()
INTERNAL = 13  # google.rpc.Code; Envoy's own NACKs have it, too


@dataclass(slots=True)
class _Update:
    nonce: str
    type_url: str
    saving: "asyncio.Future[None]"
    waiting: dict[ResourceKey, str]  # the versions that aren't settled; "": removed
    messages: list[str] = field(default_factory=list)  # why Envoy rejected resources


class Acknowledgements:
    """The updates of one stream that aren't answered yet."""

    def __init__(self, cache: Cache, in_force: EnvoyProgress, rejections: Rejections) -> None:
        self._cache = cache
        self._in_force = in_force
        self._rejections = rejections
        self._updates: dict[tuple[str, str], _Update] = {}  # by type URL and nonce
        self._unused: dict[ResourceKey, str] = {}  # secrets that were acknowledged before any cluster named them
        self._rejected: dict[ResourceKey, str] = {}  # versions with a NACK

    def expect(self, response: DeltaDiscoveryResponse, saving: "asyncio.Future[None]") -> None:
        """Answer *response* once Envoy uses its resources and *saving* has succeeded, whose end wakes the observers."""
        type_url = response.type_url
        waiting = {(type_url, resource.name): resource.version for resource in response.resources}
        waiting |= {(type_url, name): "" for name in response.removed_resources}
        update = _Update(response.nonce, type_url, saving, waiting)
        for key, version in list(waiting.items()):
            if message := self._rejections.find(key, version):
                update.messages.append(f"{key[1]}: {message}")
                del waiting[key]
        self._updates[type_url, response.nonce] = update
        saving.add_done_callback(self._note_saving)

    def take_due(self) -> list[DeltaDiscoveryRequest]:
        """Return the ACKs and NACKs that are due now, and requests for resources whose last answer became wrong."""
        due = []
        for update in list(self._updates.values()):
            self._settle(update)
            if not update.waiting and is_stored(update.saving):
                del self._updates[update.type_url, update.nonce]
                due.append(_build_answer(update))
        return [*due, *self._list_corrections()]

    def _note_saving(self, saving: "asyncio.Future[None]") -> None:
        if not saving.cancelled() and (error := saving.exception()):
            log.error("an update couldn't be stored, so it isn't acknowledged", exc_info=error)
        self._cache.tell_observers()

    def _settle(self, update: _Update) -> None:
        for key, version in list(update.waiting.items()):
            progress = self._in_force.find_progress(key, version)
            self._rejected.pop(key, None)
            match progress.state:
                case State.PENDING:
                    continue
                case State.IN_FORCE:
                    self._rejections.accept(key, version)
                case State.UNUSED:
                    self._unused[key] = version
                case State.REJECTED:
                    self._rejected[key] = version
                    update.messages.append(f"{key[1]}: {progress.message}")
                    self._rejections.reject(key, version, progress.message)
            del update.waiting[key]

    def _list_corrections(self) -> Iterator[DeltaDiscoveryRequest]:
        """Subscribe again to what was answered differently: only a new response can get another answer."""
        for answers, opposite in ((self._unused, State.REJECTED), (self._rejected, State.IN_FORCE)):
            for key, version in list(answers.items()):
                current = self._cache.get(*key)
                state = self._in_force.find_progress(key, version).state
                is_current = current is not None and current.version == version
                if not is_current or state in {opposite, State.IN_FORCE}:
                    del answers[key]
                if is_current and state is opposite:
                    yield DeltaDiscoveryRequest(type_url=key[0], resource_names_subscribe=[key[1]])


def _build_answer(update: _Update) -> DeltaDiscoveryRequest:
    request = DeltaDiscoveryRequest(type_url=update.type_url, response_nonce=update.nonce)
    if update.messages:
        request.error_detail.code = INTERNAL
        request.error_detail.message = "\n".join(update.messages)
    return request
