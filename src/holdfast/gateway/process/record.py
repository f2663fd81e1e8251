"""
The file `envoy.json` of a gateway: which Envoy is running.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from holdfast.gateway.process import detached

LONGEST = 16384  # bytes


@dataclass(frozen=True, slots=True)
class EnvoyRecord:
    """An Envoy, by process ID and start time (see `launcher.start_time`), and how it was started."""

    pid: int
    started: str
    sockets: str  # the directory of its unix sockets
    base_id: int  # with the epoch, what its successor takes over in a hot restart
    restart_epoch: int
    configuration: str  # a hash of the binary, its options and the bootstrap
    version: str | None  # of Envoy

    @property
    def is_running(self) -> bool:
        """Whether this Envoy still runs."""
        return detached.is_running(self.pid, self.started)

    def describe(self) -> dict[str, Any]:
        """Return the members of the JSON object in the file."""
        return asdict(self)


def read_record(file: Path) -> EnvoyRecord | None:
    """Read the record; None if there is none, or it can't be read. Its Envoy may have ended."""
    try:
        with file.open("rb") as content:
            members = json.loads(content.read(LONGEST))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(members, dict) or not {field.name for field in fields(EnvoyRecord)} <= members.keys():
        return None
    numbers = ((members["pid"], 2), (members["base_id"], 0), (members["restart_epoch"], 0))
    texts = (members["started"], members["sockets"], members["configuration"], members["version"] or "")
    if not all(type(number) is int and number >= least for number, least in numbers):
        return None
    if not all(isinstance(text, str) for text in texts):
        return None
    return EnvoyRecord(**{field.name: members[field.name] for field in fields(EnvoyRecord)})
