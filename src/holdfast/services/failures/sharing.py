"""
Failures that control planes share: each writes what its gateways report, and reads what the others have written.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import structlog
from pydantic import ConfigDict, TypeAdapter, ValidationError

from holdfast.services.background import wake_on_write
from holdfast.services.control_planes.presence import Presence
from holdfast.services.failures.backend_probe import BackendProbe
from holdfast.services.failures.failure import Failure, Key
from holdfast.services.failures.failures import Failures
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes
from holdfast.store.control_planes import failures as rows
from holdfast.store.control_planes.control_planes import LIVE_FOR
from holdfast.store.control_planes.failures import PartKey, SharedPart
from holdfast.store.database import Store
from holdfast.store.topics import Topic
from holdfast.work.threads import run_to_end

log = structlog.get_logger()
EVERY = 0.5  # seconds between two writes
AT_ONCE = 200  # rows of one write
MAX_BODY = 1024 * 1024  # bytes; the longest are results of tests, with the presented certificates
ENDS_FOR = timedelta(minutes=10)  # for which the end of a failure is remembered
_JSON = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
_FAILURE: TypeAdapter[tuple[Failure]] = TypeAdapter(tuple[Failure], config=_JSON)
_PROBE: TypeAdapter[tuple[BackendProbe]] = TypeAdapter(tuple[BackendProbe], config=_JSON)
_HIGHEST = 2**62  # no row has this number
_NOWHERE: Key = ("", "")  # the key of the row that says since when failures are known


class Part(StrEnum):
    """The content of a row."""

    START = "start"
    FAILURE = "failure"
    PROBE = "probe"


class SharedFailures:
    """
    Writes the failures at this control plane's gateways, and adds those of others to *failures*.

    What changes is written at most every EVERY seconds, so attackers who cause failures don't cause more writes.
    Nothing is written while there is no other control plane. Lives on one event loop.
    """

    def __init__(self, store: Store, failures: Failures, presence: Presence, now: Callable[[], datetime]) -> None:
        self._store = store
        self._failures = failures
        self._presence = presence
        self._now = now
        self._changes: OrderedDict[PartKey, bool] = OrderedDict()  # what isn't written yet; whether it may have ended
        self._writers: dict[PartKey, str] = {}  # of the rows in the database: the ids of the control planes
        self._last_numbers: dict[str, int] = {}  # the highest number that was read, by control plane
        self._number = 0
        self._has_begun = False
        self._next_write = 0.0
        self._wake = wake_on_write(store, Topic.FAILURES)
        # Its own thread, because the shared ones may all be waiting for the database.
        self._thread = ThreadPoolExecutor(1, "failures")
        if presence.is_shared:
            failures.share(self)
            presence.add_listener(self._wake.set)

    def take_failure(self, key: Key) -> None:
        """Write a failure at one of this control plane's gateways soon."""
        self._add((*key, Part.FAILURE), is_end=False)

    def take_probe(self, key: Key) -> None:
        """Write a test of a failing backend soon."""
        self._add((*key, Part.PROBE), is_end=False)

    def take_end(self, key: Key) -> None:
        """Write soon that a failure was forgotten, unless the control plane that wrote it does so itself."""
        for part in (Part.FAILURE, Part.PROBE):
            part_key = (*key, part)
            if part_key in self._writers:
                self._add(part_key, is_end=True)
            else:
                self._changes.pop(part_key, None)

    async def follow(self) -> None:
        """Write and read changes, until cancelled."""
        if not self._presence.is_shared:
            await asyncio.Event().wait()
        loop = asyncio.get_running_loop()
        if not self._has_begun:
            await run_to_end(self._thread, self._begin)
            self._has_begun = True
        while True:
            self._wake.clear()
            if self._presence.others:
                changes = self._take_changes() if loop.time() >= self._next_write else {}
                try:
                    parts = await run_to_end(self._thread, partial(self._exchange, list(changes.items())))
                except BaseException:
                    self._changes = OrderedDict(dict.fromkeys(changes, False) | self._changes)
                    raise
                for key in [key for key, content in changes.items() if content is None]:
                    self._writers.pop(key, None)
                self._apply(parts)
            await self._wait()

    async def _wait(self) -> None:
        """Wait until there is something to read, or to write."""
        due = self._next_write if self._changes and self._presence.others else None
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._wake.wait()

    def _add(self, key: PartKey, *, is_end: bool) -> None:
        if not self._changes:
            self._wake.set()
        self._changes[key] = is_end

    def _begin(self) -> None:
        """Forget what was written before all control planes were stopped."""
        own = self._presence.own
        with self._store.note(Topic.FAILURES) as session:
            now = read_database_time(session)
            if not [
                control_plane
                for control_plane in control_planes.list_live(session, now)
                if (control_plane.started_at, control_plane.id) < (own.started_at, own.id)
            ]:
                rows.remove_of_ended(session, now - LIVE_FOR)
                self._number += 1
                start = SharedPart((*_NOWHERE, Part.START), own.id, self._number, own.started_at, b"")
                rows.save(session, [start])
                self._failures.started_at = own.started_at

    def _take_changes(self) -> dict[PartKey, Failure | BackendProbe | None]:
        """Return some changes that are to be written, with None for what has ended."""
        live = {other.id for other in self._presence.others}
        changes: dict[PartKey, Failure | BackendProbe | None] = {}
        while self._changes and len(changes) < AT_ONCE:
            key, is_end = self._changes.popitem(last=False)
            cluster, gateway, part = key
            of_part = self._failures.get if part == Part.FAILURE else self._failures.probe
            content = of_part((cluster, gateway))
            if not ((is_end or content is None) and self._writers.get(key) in {None, *live}):
                changes[key] = content
                # Already now, because the failure can end while it is written.
                self._writers[key] = self._presence.own.id
        if changes:
            self._next_write = asyncio.get_running_loop().time() + EVERY
        return changes

    def _exchange(self, changes: Sequence[tuple[PartKey, Failure | BackendProbe | None]]) -> list[SharedPart]:
        """Write *changes*, and return what others have written since."""
        own = self._presence.own.id
        if changes:
            parts = [self._describe(key, content) for key, content in changes]
            with self._store.note(Topic.FAILURES) as session:
                rows.save(session, parts)
                rows.remove_ends(session, self._now() - ENDS_FOR)
        return self._read(own)

    def _describe(self, key: PartKey, content: Failure | BackendProbe | None) -> SharedPart:
        self._number += 1
        body = _write(content)
        return SharedPart(key, self._presence.own.id, self._number, self._now(), body)

    def _read(self, own: str) -> list[SharedPart]:
        parts: list[SharedPart] = []
        last_numbers = dict(self._last_numbers)
        with self._store.read() as session:
            while True:
                page = rows.find_unread(session, last_numbers | {own: _HIGHEST})
                last_numbers |= {part.control_plane: part.number for part in page}
                parts += page
                if len(page) < rows.AT_ONCE:
                    break
        self._last_numbers = last_numbers  # if a page can't be read, all of them are read again
        return parts

    def _apply(self, parts: Sequence[SharedPart]) -> None:
        failures: dict[Key, Failure] = {}
        probes: dict[Key, BackendProbe] = {}
        ends: set[Key] = set()
        for part in parts:
            cluster, gateway, kind = part.key
            key = cluster, gateway
            if kind == Part.START:
                self._failures.started_at = part.written_at
                continue
            if self._changes.get(part.key):
                del self._changes[part.key]  # whether it ended is the business of who wrote it later
            if part.body is None:
                self._writers.pop(part.key, None)
                ends |= {key} if kind == Part.FAILURE else set()
                continue
            self._writers[part.key] = part.control_plane
            try:
                if kind == Part.FAILURE:
                    (failures[key],) = _FAILURE.validate_json(part.body)
                else:
                    (probes[key],) = _PROBE.validate_json(part.body)
            except ValidationError as error:
                # Its version differs.
                log.warning("failure of another control plane can't be read", faults=error.error_count())
        if failures or probes or ends:
            self._failures.take(failures, probes, ends)


def _write(content: Failure | BackendProbe | None) -> bytes | None:
    """Return *content* as JSON, or None if it is too long, or contains text of a backend that can't be written."""
    try:
        match content:
            case Failure():
                body = _FAILURE.dump_json((content,))
            case BackendProbe():
                body = _PROBE.dump_json((content,))
            case None:
                return None
    except ValueError as error:
        log.warning("failure can't be shared with other control planes", reason=str(error))
        return None
    return body if len(body) <= MAX_BODY else None
