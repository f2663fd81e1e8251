"""
Verification of a chain of audit events, one event at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from holdfast.audit.chain import HASH, START, Link, hash_event

MOST_PROBLEMS = 100  # that are reported; the rest is counted


class Fault(StrEnum):
    """A kind of fault in a chain."""

    CHANGED = "changed"  # the event isn't what its hash covers
    REPLACED = "replaced"  # the event is intact, but the next one doesn't follow it
    MISSING = "missing"
    MOVED = "moved"  # it appears after an event with the same number or a later one
    INSERTED = "inserted"  # after the event with this number: one without a hash, but later ones have one
    TRUNCATED = "truncated"  # the newest events are missing
    NOT_FOUND = "not found"  # no event has the expected hash
    UNREADABLE = "unreadable"  # what is stored about an end of the chain


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault at the events numbered *first* to *last*; 0: they have no number."""

    fault: Fault
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification; *waiting* events aren't chained yet, *chained_later* ones had no hash."""

    events: int
    newest: Link
    problems: tuple[Problem, ...]
    count: int  # of all problems
    waiting: int
    chained_later: int
    expected_at: int | None  # the number of the event with the expected hash


class Verifier:
    """Verifies events in the order of the chain, in constant memory."""

    def __init__(self, expected: str = "") -> None:
        """*expected* is the hash of an event that must be in the chain; empty: none."""
        self._expected = expected
        self._expected_at: int | None = None
        self._first: Link | None = None  # what precedes the first event
        self._last: Link | None = None
        self._events = self._waiting = self._later = self._unnumbered = self._count = 0
        self._problems: list[Problem] = []

    def add(self, event: Mapping[str, Any]) -> None:
        """
        Verify the next event, with the members of `hash_event`, and its hash.

        A number that can't be read is null, a hash empty.
        """
        self._events += 1
        if event[HASH] is None:
            self._waiting += 1
            return
        for _ in range(self._waiting):
            place = self._last.number if self._last else 0
            self._report(Fault.INSERTED, place, place)
        self._waiting = 0
        number = event["number"]
        if number is None and self._last is not None:
            number = self._last.number + 1
        if hash_event(event) != event[HASH]:
            self._report(Fault.CHANGED, number or 0, number or 0)
        self._later += event["chainedLater"]
        if number is None:  # nor is there one before it
            self._unnumbered += 1
            return
        previous = Link(number - 1, event["previousHash"])
        if self._last is None:
            self._first = Link(previous.number - self._unnumbered, "" if self._unnumbered else previous.hash)
        else:
            self._compare(self._last, previous)
        self._last = Link(number, event[HASH])
        if self._expected == event[HASH]:
            self._expected_at = number

    def finish(self, newest: Link | None = None, anchor: Link | None = None, *, ends: bool = False) -> Verdict:
        """
        Return the verdict.

        *newest* is an event that must be in the chain. *anchor* is the last event that retention has deleted, by now,
        so that more may have been deleted during the verification. None: unknown, for a part of a chain; with *ends*,
        what is stored about them can't be read.
        """
        if ends and (newest is None or anchor is None):
            self._report(Fault.UNREADABLE, 0, 0)
        if anchor is not None and self._first is not None:
            if self._first.number > anchor.number:
                self._report(Fault.MISSING, anchor.number + 1, self._first.number)
            elif self._first.number == anchor.number and self._first.hash not in {"", anchor.hash}:
                self._report(Fault.REPLACED, anchor.number, anchor.number)
        last = self._last or anchor or START
        if self._last is None and self._unnumbered:
            newest = None  # nothing says which events these are
        if newest is not None and last.number < newest.number:
            self._report(Fault.TRUNCATED, last.number + 1, newest.number)
        elif newest is not None and last.number == newest.number and last.hash != newest.hash:
            self._report(Fault.REPLACED, last.number, last.number)
        if anchor is not None and self._expected == anchor.hash:
            self._expected_at = anchor.number
        if self._expected and self._expected_at is None:
            self._report(Fault.NOT_FOUND, 0, 0)
        return Verdict(
            self._events,
            last,
            tuple(self._problems),
            self._count,
            self._waiting,
            self._later,
            self._expected_at,
        )

    def _compare(self, last: Link, previous: Link) -> None:
        if previous.number > last.number:
            self._report(Fault.MISSING, last.number + 1, previous.number)
        elif previous.number < last.number:
            self._report(Fault.MOVED, previous.number + 1, previous.number + 1)
        elif previous.hash not in {"", last.hash}:  # empty: the event with it is reported
            self._report(Fault.REPLACED, last.number, last.number)

    def _report(self, fault: Fault, first: int, last: int) -> None:
        self._count += 1
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(Problem(fault, first, last))
