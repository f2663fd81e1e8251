"""
The options of a gateway's access log.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.gateway.telemetry.access_log_file import OWN_FILE, STDOUT, AccessLogSettings
from holdfast.gateway.telemetry.access_log_format import JSON, parse_format

MIB = 1024 * 1024
DEFAULT_SIZE, DEFAULT_FILES = 100, 5
LARGEST, MOST = 1_000_000, 1000


@dataclass(frozen=True, slots=True)
class AccessLogOptions:
    """A path or `stdout`, empty: no log; a format; the size of a file in MiB, 0: never rotated; and rotated files."""

    target: str = ""
    layout: str = JSON
    size: int = DEFAULT_SIZE
    files: int = DEFAULT_FILES

    def to_arguments(self) -> Iterator[str]:
        """Return the arguments of the agent's process."""
        if self.target:
            target = self.target if self.target == STDOUT else Path(self.target).expanduser().absolute()
            yield f"--access-log={target}"
            yield f"--access-log-format={self.layout}"
            yield f"--access-log-size={self.size}"
            yield f"--access-log-files={self.files}"

    def read(self, data: Path) -> AccessLogSettings | None:
        """Return the settings of the gateway in *data*; None: no log. Raises FormatUnusable."""
        if not self.target:
            return None
        is_copied = self.target == STDOUT
        file = data.absolute() / OWN_FILE if is_copied else Path(self.target).expanduser()
        return AccessLogSettings(file, parse_format(self.layout), self.size * MIB, self.files, is_copied)


NO_ACCESS_LOG = AccessLogOptions()
