"""
Verification of the audit log on the user's machine, and the sentences about its result.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.audit.chain import Link
from holdfast.audit.verification import Fault, Problem, Verdict, Verifier
from holdfast.cli.failures import CannotConnect, WrongFile
from holdfast.cli.requests.client import Client

PATH = "/audit-events"
# What the verification itself needs. Number and hashes are null while an event isn't chained yet.
_MEMBERS = {"number": int | None, "previousHash": str | None, "hash": str | None, "chainedLater": bool}


@dataclass(frozen=True, slots=True)
class Description:
    """A verdict as text and as JSON."""

    text: str
    as_json: dict[str, Any]


def verify_log(client: Client, expected: str) -> Verdict:
    """Verify the log of the publisher. Raises the errors of requests."""
    newest = client.get(f"{PATH}/chain")["newest"]
    verifier = Verifier(expected)
    try:
        _add(verifier, client.stream_lines(f"{PATH}/export", format="jsonlines"))
    except ValueError as error:
        raise CannotConnect(f"{client.url} sent an event that can't be read: {error}") from error
    # Retention may have deleted more events in the meantime.
    anchor = client.get(f"{PATH}/chain")["anchor"]
    return verifier.finish(_read_link(newest), _read_link(anchor), ends=True)


def verify_file(path: Path, expected: str) -> Verdict:
    """Verify an export. Raises WrongFile."""
    verifier = Verifier(expected)
    try:
        with path.open(encoding="utf-8") as lines:
            _add(verifier, lines)
    except OSError as error:
        raise WrongFile(f"Can't read {path}: {error.strerror}.") from error
    except ValueError as error:
        text = f"{path} isn't an export in JSON lines: {error}. Create one with `holdfast audit export`."
        raise WrongFile(text) from error
    return verifier.finish()


def describe(verdict: Verdict) -> Description:
    """Describe *verdict* for people and for programs."""
    problems = [_write(problem) for problem in verdict.problems]
    events = _write_count(verdict.events, "event")
    if verdict.count:
        lines = [f"The audit log isn't intact: {_write_count(verdict.count, 'problem')} in {events}.", *problems]
        if verdict.count > len(problems):
            lines.append(f"{verdict.count - len(problems):,} more problems aren't listed.")
    elif verdict.newest.number:
        lines = [f"The audit log is intact: {events}, the newest is number {verdict.newest.number:,}."]
    else:
        lines = ["There are no events in the chain."]
    if verdict.expected_at is not None:
        lines.append(f"Event {verdict.expected_at:,} has the expected hash.")
    if verdict.chained_later:
        later = _write_count(verdict.chained_later, "event")
        lines.append(f"{later} were chained after they were written, by a version of Holdfast without the chain.")
    if verdict.waiting:
        lines.append(
            f"{_write_count(verdict.waiting, 'event')} at the end aren't chained yet. Verify again in a minute."
        )
    if verdict.newest.number:
        lines.append(f"Newest hash: {verdict.newest.hash}")
    return Description(
        "\n".join(lines),
        {
            "intact": verdict.count == 0,
            "events": verdict.events,
            "newest": {"number": verdict.newest.number, "hash": verdict.newest.hash},
            "expectedAt": verdict.expected_at,
            "chainedLater": verdict.chained_later,
            "waiting": verdict.waiting,
            "problems": [
                {"fault": problem.fault, "first": problem.first, "last": problem.last, "message": text}
                for problem, text in zip(verdict.problems, problems, strict=True)
            ],
        },
    )


def _add(verifier: Verifier, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines, 1):
        event = json.loads(line)
        if not _is_event(event):
            raise ValueError(f"line {number} isn't an event")
        verifier.add(event)


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict):
        return False
    return all(name in event and isinstance(event[name], kind) for name, kind in _MEMBERS.items())


def _read_link(place: dict[str, Any] | None) -> Link | None:
    return Link(place["number"], place["hash"]) if place else None


def _write(problem: Problem) -> str:
    first, last = f"{problem.first:,}", f"{problem.last:,}"
    match problem.fault:
        case Fault.CHANGED if not problem.first:
            return "An event whose number can't be read was changed."
        case Fault.CHANGED:
            return f"Event {first} was changed."
        case Fault.REPLACED:
            return f"Event {first} was replaced by another one: the next event follows the original."
        case Fault.MISSING:
            return f"Event {first} is missing." if first == last else f"Events {first} to {last} are missing."
        case Fault.MOVED:
            return f"Event {first} is in the wrong place, or there are several with this number."
        case Fault.INSERTED:
            return f"After event {first}, an event without a hash was inserted."
        case Fault.TRUNCATED:
            missing = f"event {first} is" if first == last else f"events {first} to {last} are"
            return f"The end is missing: {missing} gone."
        case Fault.UNREADABLE:
            return (
                "What is stored about the newest or the last deleted event can't be read, so events may be missing at "
                "that end. Compare with a hash that was kept elsewhere (--expect)."
            )
        case Fault.NOT_FOUND:
            return (
                "No event has the expected hash. The log was rewritten or its end was removed after the hash was "
                "noted, or the event was deleted because of its age."
            )


def _write_count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"
