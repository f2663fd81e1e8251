"""
Enrollment keys: with one, machines join a group of gateways as often as they have to, each under its own name.

They are for orchestrators, which start gateways without a person. Both sides read the same file: one key per line,
optionally followed by a space and the group. The publisher accepts all of them; a gateway uses the first.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.apis.gateways.group import DEFAULT_GROUP

PREFIX = "hfe_"  # secret scanners find leaked keys by it
MAX_KEYS = 16
_TEXT = re.compile(r"hfe_[A-Za-z0-9_-]{43,86}")  # at least 32 bytes in base64url


class UnusableEnrollmentKeys(ValueError):
    """A text doesn't contain enrollment keys; the message never contains the text."""


@dataclass(frozen=True, slots=True)
class EnrollmentKey:
    """A key, and the group whose gateways join with it."""

    text: str = field(repr=False)
    group: str = DEFAULT_GROUP


def is_enrollment_key(text: str) -> bool:
    """Return whether *text* looks like an enrollment key, rather than like a join token."""
    return text.startswith(PREFIX)


def read_enrollment_keys(text: str) -> tuple[EnrollmentKey, ...]:
    """Read 1 to MAX_KEYS keys, one per line. Raises UnusableEnrollmentKeys."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MAX_KEYS:
        raise UnusableEnrollmentKeys(f"There are {len(lines)} enrollment keys. Use 1 to {MAX_KEYS}.")
    return tuple(_read_line(number, line) for number, line in enumerate(lines, 1))


def _read_line(number: int, line: str) -> EnrollmentKey:
    text, _, group = line.partition(" ")
    if not _TEXT.fullmatch(text):
        raise UnusableEnrollmentKeys(
            f"Line {number} isn't an enrollment key: {PREFIX} and at least 43 letters, digits, hyphens or underscores, "
            f'as from `echo "{PREFIX}$(openssl rand -hex 32)"`.'
        )
    return EnrollmentKey(text, group.strip() or DEFAULT_GROUP)


def find_group(keys: Iterable[EnrollmentKey], text: str) -> str | None:
    """Return the group of the key *text*, None if it isn't one of *keys*. The time it takes reveals nothing."""
    groups = [key.group for key in keys if hmac.compare_digest(key.text.encode(), text.encode())]
    return groups[0] if groups else None
