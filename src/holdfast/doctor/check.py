"""
What one check came to.
"""

from dataclasses import dataclass
from enum import StrEnum


class CheckResult(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """A check by *name*: what was seen, and what to do about it, empty when nothing needs to be done."""

    name: str
    outcome: CheckResult
    text: str
    advice: str = ""

    @classmethod
    def ok(cls, name: str, text: str) -> "Check":
        """As it must be."""
        return cls(name, CheckResult.OK, text)

    @classmethod
    def warning(cls, name: str, text: str, advice: str) -> "Check":
        """It works, and should be looked at."""
        return cls(name, CheckResult.WARNING, text, advice)

    @classmethod
    def failed(cls, name: str, text: str, advice: str) -> "Check":
        """It does not work, or lets somebody in."""
        return cls(name, CheckResult.FAILED, text, advice)


def some(names: list[str], most: int = 5) -> str:
    """Write the first of many names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
