"""
The change rows that gateways were sent last.
"""

from holdfast.services.publishing.snapshot import Snapshot
from holdfast.store.journal import Change

KEPT = 1_000  # more than a request can be behind


class PublishedChanges:
    """
    Knows whether a transaction of the database sees something that wasn't sent yet. Threads may use `have`.

    Numbers don't say that: after a failover that lost changes, other ones have their numbers.
    """

    def __init__(self) -> None:
        """Begin without changes."""
        self._changes: dict[int, Change | None] = {0: None}
        self.first: int | None = None  # when everything was sent; what hasn't changed since is at most as new

    @property
    def sequence(self) -> int:
        """The number of the latest change."""
        return next(reversed(self._changes))

    def take(self, snapshot: Snapshot) -> None:
        """Add the changes of *snapshot*, which is about to be sent."""
        if snapshot.is_everything:
            self._changes = {snapshot.last.sequence if snapshot.last else 0: snapshot.last}
            self.first = self.sequence
        else:
            changes = {**self._changes, **{change.sequence: change for change in snapshot.changes}}
            self._changes = dict(list(changes.items())[-KEPT:])

    def have(self, change: Change | None) -> bool:
        """Return whether *change*, the last one that a transaction sees, was sent; None: it sees none."""
        number = change.sequence if change else 0
        return number in self._changes and self._changes[number] == change
