"""
The result of one check.
"""

from dataclasses import dataclass
from enum import StrEnum


class CheckResult(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """A check by *name*: what it found, and what to do about it, which is empty if it is OK."""

    name: str
    outcome: CheckResult
    text: str
    advice: str = ""

    @classmethod
    def ok(cls, name: str, text: str) -> "Check":
        """Return a check that found no problem."""
        return cls(name, CheckResult.OK, text)

    @classmethod
    def warning(cls, name: str, text: str, advice: str) -> "Check":
        """Return a check that found something that works and needs attention."""
        return cls(name, CheckResult.WARNING, text, advice)

    @classmethod
    def failed(cls, name: str, text: str, advice: str) -> "Check":
        """Return a check that found something that doesn't work or isn't secure."""
        return cls(name, CheckResult.FAILED, text, advice)


def list_some(names: list[str], most: int = 5) -> str:
    """Return the first *most* names as text, and how many more there are."""
    text = ", ".join(names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text
