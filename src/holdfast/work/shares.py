"""
A limited resource of which each holder gets at most a share.
"""

from collections import Counter


class Shares:
    """Grants at most *total* units, and at most *share* of them to one holder."""

    def __init__(self, total: int, share: int) -> None:
        self._total, self._share = total, share
        self._held: Counter[str] = Counter()

    def take(self, holder: str, *, unbounded: bool = False) -> bool:
        """Take one unit for *holder*; return False if there is none. *unbounded* holders may take all."""
        most = self._total if unbounded else self._share
        if self._held[holder] >= most or self._held.total() >= self._total:
            self._forget(holder)
            return False
        self._held[holder] += 1
        return True

    def give_back(self, holder: str) -> None:
        """Return one unit that *holder* took."""
        self._held[holder] -= 1
        self._forget(holder)

    def _forget(self, holder: str) -> None:
        if not self._held[holder]:
            del self._held[holder]
