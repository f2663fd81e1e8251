"""
The file in which an agent keeps what it has counted and not yet reported, for its next start.

It is written before a part is sent, so an agent that is killed then sends the same part again, under the same number.
"""

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from holdfast.apis.traffic.measures import Measures
from holdfast.files.replacement import replace_file
from holdfast.gateway.traffic.backlog import Part

log = structlog.get_logger()
TRAFFIC_FILE = "traffic.json"
_LONGEST = 256 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class TrafficState:
    """The content of the file. Numbers of parts count only within its *source*. *at* is None in a new file."""

    source: str = field(default_factory=lambda: secrets.token_hex(8))
    at: datetime | None = None  # of the last flush
    number: int = 0
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # by process of Envoy
    parts: tuple[Part, ...] = ()


class Memory:
    """The file in the data directory of an agent."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / TRAFFIC_FILE
        self._failed = False

    def read(self) -> TrafficState:
        """Return what is kept, or a new beginning if nothing can be read. Blocks."""
        try:
            with self._path.open("rb") as file:
                return _restore(json.loads(file.read(_LONGEST)))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("traffic that wasn't reported is lost, because its file can't be read", reason=str(error))
        return TrafficState()

    def write(self, state: TrafficState) -> None:
        """
        Replace the file. Blocks.

        If that fails, as on a full disk, the file is removed: with old counters, requests would be counted twice.
        """
        try:
            replace_file(self._path, json.dumps(_describe(state), separators=(",", ":")).encode())
        except OSError as error:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            if not self._failed:
                log.error("traffic can't be stored until it is reported", file=str(self._path), reason=str(error))
            self._failed = True
        else:
            self._failed = False


def _describe(state: TrafficState) -> dict[str, Any]:
    return {
        "source": state.source,
        "at": state.at.timestamp() if state.at else None,
        "number": state.number,
        "counters": state.counters,
        "parts": [
            [
                part.number,
                part.minute.timestamp(),
                part.seconds,
                part.is_late,
                part.uncounted,
                part.dropped,
                {name: measures.to_members() for name, measures in part.clusters.items()},
            ]
            for part in state.parts
        ],
    }


def _restore(members: Mapping[str, Any]) -> TrafficState:
    at = members["at"]
    return TrafficState(
        source=members["source"],
        at=datetime.fromtimestamp(at, UTC) if at is not None else None,
        number=members["number"],
        counters=members["counters"],
        parts=tuple(
            Part(
                number,
                datetime.fromtimestamp(minute, UTC),
                seconds,
                is_late,
                uncounted,
                dropped,
                {name: Measures.restore(counters) for name, counters in clusters.items()},
            )
            for number, minute, seconds, is_late, uncounted, dropped, clusters in members["parts"]
        ),
    )
