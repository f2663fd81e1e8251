"""
Active health checks of a group's members.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.apis.errors import InvalidField

_PATH = re.compile(r"/[\x21-\x7e]{0,499}")
_STATUSES = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?")


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Requests that each gateway sends to each member, to stop using those that don't answer as expected."""

    path: str = "/"  # at the member's host, without the base path
    interval: int = 10  # seconds
    timeout: int = 3  # seconds
    statuses: str = "200-299"  # that a healthy member answers: one, or a range

    @property
    def values(self) -> dict[str, Any]:
        """The health check as JSON, which `read_health_check` reads."""
        return asdict(self)

    @property
    def status_range(self) -> tuple[int, int]:
        """The first and the last status of a healthy member."""
        first, _, last = self.statuses.partition("-")
        return int(first), int(last or first)


def read_health_check(values: Mapping[str, Any], field: str = "") -> HealthCheck:
    """
    Read a health check from *values* by field name; missing values and None mean the default.

    Raises:
        InvalidField: A value is invalid; *field* is prefixed to its name.
    """
    given_values = {
        name: value for name, value in values.items() if name in HealthCheck.__slots__ and value is not None
    }
    check = HealthCheck(**given_values)
    if not isinstance(check.path, str) or not _PATH.fullmatch(check.path):
        raise InvalidField(f"{field}path", "Use a path like /health, of at most 500 characters.")
    for name in ("interval", "timeout"):
        seconds = getattr(check, name)
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= 3600:
            raise InvalidField(f"{field}{name}", "Use a whole number of seconds from 1 to 3600.")
    if not isinstance(check.statuses, str) or not (match := _STATUSES.fullmatch(check.statuses)):
        raise InvalidField(f"{field}statuses", "Use a status like 200, or a range like 200-299.")
    if match[2] and match[2] < match[1]:
        raise InvalidField(f"{field}statuses", "The range ends before it begins. Write it like 200-299.")
    return check
