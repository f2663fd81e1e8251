"""
Which backends are due, and what a round of checks writes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.services.watch.observation import Observation
from holdfast.services.watch.schedule import LONGEST_RETRY, find_last_slot
from holdfast.store import journal
from holdfast.store.database import Notes
from holdfast.store.topics import Topic
from holdfast.store.watch import presented_chains, progress, watched_endpoints
from holdfast.store.watch.progress import Progress
from holdfast.store.watch.watched_endpoints import Place


@dataclass(frozen=True, slots=True)
class DueCheck:
    """A backend to check now: at its regular time *slot*, or, if that is None, for the first time or once more."""

    place: Place
    slot: datetime | None


@dataclass(frozen=True, slots=True)
class News:
    """
    The changes up to *change* that concern the watch: *places* are origins whose trust has changed.

    With *has_new_endpoint*, an API has an endpoint that isn't watched yet.
    """

    places: Sequence[Place]
    has_new_endpoint: bool
    change: int


def begin(store: Notes, now: datetime) -> Progress:
    """Return how far the watch has come, perhaps at another control plane."""
    with store.read() as session:
        return progress.get(session) or Progress(now, journal.get_last_sequence(session))


def find_due(store: Notes, checked_until: datetime, interval: timedelta, now: datetime) -> list[DueCheck]:
    """
    Return the backends that are due at *now*: new and silent ones first, then the others in order of their time.

    Watched endpoints are inserted and deleted first, so that there is one for each https origin that APIs use.
    """
    with store.read() as session:
        current_places, states = watched_endpoints.list_used(session), watched_endpoints.list_watched(session)
    new_places, old_places = current_places - states.keys(), states.keys() - current_places
    if new_places or old_places:
        with store.note(Topic.WATCH) as session:
            watched_endpoints.add(session, sorted(new_places))
            watched_endpoints.remove(session, old_places)
    first, regular = [], []
    # Those of new APIs come before those of a long round.
    for place in sorted(current_places, key=lambda place: place not in new_places):
        is_known, retry_at = states.get(place, (False, None))
        # A later time was set while the clock was wrong.
        if not is_known or (retry_at and not now < retry_at <= now + LONGEST_RETRY):
            first.append(DueCheck(place, None))
        elif retry_at is None and (slot := find_last_slot(place, interval, now)) > checked_until:
            regular.append((slot, place))
    return first + [DueCheck(place, slot) for slot, place in sorted(regular)]


def save(store: Notes, observations: Iterable[Observation], watch_progress: Progress) -> None:
    """Write what has changed, and how far the watch has come. Raises StoreFailure."""
    with store.note(Topic.WATCH) as session:
        for observation in observations:
            if watched_endpoints.save(session, observation.endpoint) and observation.chain:
                presented_chains.record(session, observation.endpoint, observation.chain)
        progress.save(session, watch_progress)


def find_news(store: Notes, change: int) -> News:
    """Return the changes since *change* that concern the watch."""
    with store.read() as session:
        changes: Sequence[journal.Change] = journal.list_changes_after(session, change)
        apis: dict[str, set[str]] = {}
        for row in changes:
            if row.kind == "api":
                apis.setdefault(row.organization, set()).add(row.key)
        has_new = any(watched_endpoints.has_new(session, *ids_of_organization) for ids_of_organization in apis.items())
    places = dict.fromkeys((row.organization, row.key) for row in changes if row.kind == "origin")
    return News(list(places), has_new, max((row.sequence for row in changes), default=change))
