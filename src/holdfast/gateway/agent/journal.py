"""
The state of an agent in a file, and its resources: written as changes, and rewritten once the file is half useless.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from holdfast.files.sealing_keys import KeyFile, SealingKey, UnusableSealingKey, make_key
from holdfast.gateway.agent.changes import Changes, decode, encode
from holdfast.gateway.agent.state_file import DamagedFile, StateFile, create_state_file, open_state_file
from holdfast.gateway.discovery.cache import ResourceKey
from holdfast.gateway.resources.resource import Resource

log = structlog.get_logger()
STATE_FILE, KEY_FILE = "last-known-good", "last-known-good-key"
PIECE = 256 * 1024  # bytes that a compaction writes in one step
SLACK = 4 * 1024 * 1024  # bytes of superseded records that are never worth a compaction
_OVERHEAD = 160  # bytes of a stored resource in addition to its body, roughly


@dataclass(frozen=True, slots=True)
class LastState:
    """The resources that were in force, and the time of the last change."""

    resources: Sequence[Resource]
    saved_at: datetime


class Journal:
    """The last state in a directory. Used by one thread at a time."""

    def __init__(self, directory: Path, now: Callable[[], datetime], retry_after: float) -> None:
        """*retry_after* is the time between attempts to write what couldn't be written, in seconds."""
        self.problem: str | None = None
        self._path = directory / STATE_FILE
        self._key_file = KeyFile(directory / KEY_FILE)
        self._key: SealingKey | None = None
        self._now = now
        self._resources: dict[ResourceKey, Resource] = {}
        self._bytes = 0  # that the resources need on disk, roughly
        self._file: StateFile | None = None  # None: what is on disk must not be read, or there is nothing
        self._compaction: tuple[StateFile, Iterator[Changes]] | None = None
        self._retry_after = retry_after
        self._retry_at = 0.0  # monotonic

    def read(self) -> LastState | None:
        """Return the last state without what has expired; None if there is none, or if it can't be used (logged)."""
        saved_at = None
        try:
            if not self._path.exists():
                return None
            self._key = SealingKey(self._key_file.read()[0])
            self._file = open_state_file(self._path, self._key)
            for content in self._file.read():
                saved_at, resources = decode(content)
                for key, resource in resources:
                    self._put(key, resource)
        except (DamagedFile, UnusableSealingKey, OSError) as error:
            log.warning("last known good state not used", file=str(self._path), reason=str(error))
            self._forget()
            return None
        if saved_at is None:
            return None
        self._expire(saved_at)
        return LastState(list(self._resources.values()), saved_at)

    def _expire(self, saved_at: datetime) -> None:
        """Remove what has expired. If the clock was set back since *saved_at*, nothing lasts longer because of that."""
        now = self._now()
        back = max(saved_at - now, timedelta())
        for key, resource in list(self._resources.items()):
            if resource.expires_at is not None:
                expires_at = resource.expires_at - back
                self._put(key, replace(resource, expires_at=expires_at) if expires_at > now else None)

    def _forget(self) -> None:
        self.close()
        self._resources.clear()
        self._bytes = 0

    def write(self, steps: Sequence[Changes]) -> bool:
        """Make *steps* durable, and continue a compaction; return whether it isn't finished."""
        for step in steps:
            for removal in step.removals:
                self._put(removal, None)
            for resource in step.upserts:
                self._put((resource.type_url, resource.name), resource)
        if self._file is None and time.monotonic() < self._retry_at:
            return False
        try:
            if self._file is None:
                self._write_everything()
            elif steps:
                self._file.append(encode(self._now(), steps))
        except Exception as error:  # noqa: BLE001 - whatever the reason, the file is older than what is in force
            self._invalidate(error)
            return False
        return self._compact(steps)

    def _put(self, key: ResourceKey, resource: Resource | None) -> None:
        if old := self._resources.pop(key, None):
            self._bytes -= len(old.body) + _OVERHEAD
        if resource:
            self._resources[key] = resource
            self._bytes += len(resource.body) + _OVERHEAD

    # If the disk is full or broken

    def _invalidate(self, error: Exception) -> None:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        try:
            if self._file:
                self._file.invalidate()
            else:
                self._path.unlink(missing_ok=True)
        except OSError as worse:
            # Traffic and changes continue nevertheless, so all that is left is to say it.
            log.error(
                "last known good state is out of date and can't be removed; delete it before the gateway restarts",
                file=str(self._path),
                reason=worse.strerror,
            )
        if self.problem is None:
            log.error("last known good state can't be written", file=str(self._path), reason=reason)
        self.problem = f"Can't write {self._path}: {reason}."
        self._retry_at = time.monotonic() + self._retry_after
        self.close()

    # Writing everything, at once or in steps

    def _write_everything(self) -> None:
        new = self._create()
        try:
            for changes in _split(self._resources.values()):
                new.append(encode(self._now(), [changes]))
            new.move(self._path)
        except OSError:
            _discard(new)
            raise
        if self.problem:
            log.warning("last known good state is written again", file=str(self._path))
        self._file, self.problem = new, None

    def _create(self) -> StateFile:
        if self._key is None:
            try:
                key = self._key_file.read_or_make()[0]
            except UnusableSealingKey:  # it opens nothing, so nothing is lost with it
                self._key_file.write([key := make_key()])
            self._key = SealingKey(key)
        return create_state_file(self._path.with_name(f".{STATE_FILE}.new"), self._key)

    def _compact(self, steps: Sequence[Changes]) -> bool:
        """Write a piece of a smaller file, if it is time for one; *steps* have just been added to the present one."""
        try:
            if self._compaction is None:
                if not self._is_worth_it():
                    return False
                self._compaction = self._create(), _split(self._find_current(list(self._resources)))
            elif steps:
                self._compaction[0].append(encode(self._now(), steps))
            new, pieces = self._compaction
            if piece := next(pieces, None):
                new.append(encode(self._now(), [piece]))
                return True
        except OSError as error:
            log.warning("last known good state can't be compacted", file=str(self._path), reason=error.strerror)
            self._retry_at = time.monotonic() + self._retry_after
            self._stop_compaction()
            return False
        self._replace(new)
        return False

    def _is_worth_it(self) -> bool:
        too_large = self._file is not None and self._file.size > 2 * self._bytes + SLACK
        return too_large and time.monotonic() >= self._retry_at

    def _replace(self, new: StateFile) -> None:
        try:
            new.move(self._path)
        except OSError as error:
            # Either file may be the one that is there after a power failure, and changes go to one of them only.
            self._invalidate(error)
            return
        if self._file:
            self._file.close()
        self._file, self._compaction = new, None

    def _find_current(self, keys: Iterable[ResourceKey]) -> Iterator[Resource]:
        """Yield the resources as they are when their turn comes: the steps between are in the file already."""
        return filter(None, map(self._resources.get, keys))

    def _stop_compaction(self) -> None:
        if self._compaction:
            _discard(self._compaction[0])
        self._compaction = None

    def close(self) -> None:
        """Close all files."""
        self._stop_compaction()
        if self._file:
            self._file.close()
        self._file = None


def _split(resources: Iterable[Resource]) -> Iterator[Changes]:
    piece: list[Resource] = []
    size = 0
    for resource in resources:
        piece.append(resource)
        size += len(resource.body) + _OVERHEAD
        if size > PIECE:
            yield Changes(tuple(piece))
            piece, size = [], 0
    if piece:
        yield Changes(tuple(piece))


def _discard(file: StateFile) -> None:
    with suppress(OSError):
        file.invalidate()
    with suppress(OSError):
        file.path.unlink()
    file.close()
