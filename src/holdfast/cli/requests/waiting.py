"""
Waits until the gateways have put a change in force.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

from typer import BadParameter, Option

from holdfast.cli.failures import CannotConnect, NotEnforced
from holdfast.cli.terminal.durations import parse_seconds

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5  # seconds
SHORTEST, LONGEST = 0.1, 3600.0  # seconds that --within can be
Wait = Annotated[bool, Option("--wait", help="Wait until all gateways have put it in force.")]


def parse_within(text: str | float) -> float:
    """Read how long to wait, in seconds. Raises BadParameter."""
    seconds = parse_seconds(text)
    if not SHORTEST <= seconds <= LONGEST:
        raise BadParameter(f"Write a duration between {SHORTEST:g}s and {LONGEST:g}s.")
    return seconds


Within = Annotated[
    float,
    Option(
        parser=parse_within,
        metavar="DURATION",
        show_default=False,
        help="How long --wait waits at most [default: 30s].",
    ),
]


def wait_until_enforced(
    read: Callable[[], dict[str, Any]], within: float, *, also_unserved: bool = False
) -> dict[str, Any]:
    """
    Ask *read* for something with the member `enforcement` until that is in force, and give it.

    With *also_unserved*, what waits for an API to be published is waited for no longer.

    Raises:
        NotEnforced: A gateway refuses it, no gateway has it because it is not served, or *within* seconds are over.
    """
    end, pause = time.monotonic() + within, FIRST_PAUSE
    while True:
        found, state = None, ""
        try:
            found = read()
            enforcement = found["enforcement"]
            match enforcement["progress"]:
                case "enforced" | "unverified":
                    return found
                case "not served" if also_unserved:
                    return found
                case "refused":
                    raise NotEnforced(f"Saved, but a gateway rejects it: {enforcement['reason']}", found)
                case "not served":
                    text = "Saved; it takes effect when an API with this endpoint is published."
                    raise NotEnforced(text, found)
            state = in_words(enforcement)
        except CannotConnect as error:
            state = str(error)  # a publisher that restarts is back soon; the change is saved already
        if time.monotonic() + pause > end:
            raise NotEnforced(f"Saved, but not enforced after {within:g} seconds: {state.rstrip('.')}.", found)
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def write_when_settled(
    read: Callable[[], dict[str, Any]],
    write: Callable[[dict[str, Any]], None],
    *,
    wait: bool,
    within: float,
    as_json: bool,
) -> None:
    """
    Write what *read* gives, with *wait* once it is in force; machines get it also when it isn't.

    Raises:
        NotEnforced: As `wait_until_enforced`.
    """
    try:
        found = wait_until_enforced(read, within) if wait else read()
    except NotEnforced as error:
        if as_json and error.found:
            write(error.found)
        raise
    write(found)


def in_words(enforcement: dict[str, Any]) -> str:
    """Say how far a change has come."""
    count, on = enforcement["gateways"], enforcement["enforcedOn"]
    gateways = f"{count} gateway{'' if count == 1 else 's'}"
    match enforcement["progress"]:
        case "enforced":
            took = enforcement["milliseconds"]
            return f"enforced on {gateways}" + ("" if took is None else f" ({took} ms)")
        case "unverified":
            return f"verification is off on {gateways}"
        case "no gateway":
            return "waiting for gateways: none is connected"
        case "waiting":
            return f"waiting for gateways ({on} of {count})"
        case "not served":
            return "takes effect when the API is published"
        case "refused":
            return f"refused by a gateway: {enforcement['reason']}"
        case progress:
            return str(progress)
