"""
On whose behalf a use case runs.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A user who has signed in, and the organization that everything they do is bound to."""

    organization: str
    user: str
