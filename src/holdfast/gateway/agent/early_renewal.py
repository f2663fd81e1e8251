"""
When to replace a token that the backend rejects although it is still valid: authorization servers revoke tokens. Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)
_SOON = 4  # times the pause: a token that is rejected this early probably isn't why the backend answers 401


@dataclass(slots=True)
class EarlyRenewal:
    """
    Decides for one token request: at most one new token for each token, and not before a pause, whatever callers cause.

    The pause doubles as long as new tokens are rejected soon, too. Requests that began before the pause was over don't
    count, so one that still carried the previous token never does.
    """

    used_since: datetime
    pause: timedelta = SHORTEST_PAUSE
    is_rejected: bool = False  # the token in use

    def use(self, now: datetime) -> None:
        """Begin with a new token."""
        self.used_since, self.is_rejected = now, False

    def reject(self, began: datetime) -> bool:
        """Return whether a request that *began* then, and got 401, is the reason to get a new token."""
        age = began - self.used_since
        if self.is_rejected or age < self.pause:
            return False
        self.is_rejected = True
        self.pause = min(self.pause * 2, LONGEST_PAUSE) if age < self.pause * _SOON else SHORTEST_PAUSE
        return True
