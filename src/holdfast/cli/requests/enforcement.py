"""
Waiting until gateways enforce a change.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

from typer import BadParameter, Option

from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.cli.failures import CannotConnect, NotEnforced
from holdfast.cli.terminal.durations import parse_seconds

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5  # seconds
SHORTEST, LONGEST = 0.1, 3600.0  # seconds, the range of --within
Wait = Annotated[bool, Option("--wait", help="Wait until all gateways enforce the change.")]


def parse_within(text: str | float) -> float:
    """Parse the option --within, in seconds. Raises BadParameter."""
    seconds = parse_seconds(text)
    if not SHORTEST <= seconds <= LONGEST:
        raise BadParameter(f"Use a duration between {SHORTEST:g}s and {LONGEST:g}s.")
    return seconds


Within = Annotated[
    float,
    Option(
        parser=parse_within,
        metavar="DURATION",
        show_default=False,
        help="Timeout for --wait [default: 30s].",
    ),
]


def wait_until_enforced(
    read: Callable[[], dict[str, Any]], within: float, *, also_unserved: bool = False
) -> dict[str, Any]:
    """
    Call *read* until the member `enforcement` of its result says enforced, and return the result.

    With *also_unserved*, return even if no published API uses the endpoint.

    Raises:
        NotEnforced: A gateway rejects the change, no published API uses the endpoint, or *within* seconds have passed.
    """
    end, pause = time.monotonic() + within, FIRST_PAUSE
    while True:
        answer, state = None, ""
        try:
            answer = read()
            enforcement = answer["enforcement"]
            match enforcement["progress"]:
                case "enforced" | "unverified":
                    return answer
                case "not served" if also_unserved:
                    return answer
                case "unusable":
                    raise NotEnforced(f"Saved, but gateways refuse the backend. {enforcement['reason']}", answer)
                case "refused":
                    raise NotEnforced(f"Saved, but a gateway rejects it: {enforcement['reason']}", answer)
                case "not served":
                    effect = "Takes effect when an API with this endpoint is published."
                    if reason := enforcement["reason"]:  # older publishers have none
                        effect = f"{reason}. Add it to an API, then publish the API."
                    raise NotEnforced(f"Saved. {effect}", answer)
            state = describe_enforcement(enforcement)
        except CannotConnect as error:
            state = str(error)  # the publisher may be restarting; the change is already saved
        if time.monotonic() + pause > end:
            raise NotEnforced(f"Saved, but not enforced after {within:g} seconds: {state.rstrip('.')}.", answer)
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
    Write the result of *read*; with *wait*, once it is enforced. JSON is written even if that fails.

    Raises:
        NotEnforced: See `wait_until_enforced`.
    """
    try:
        answer = wait_until_enforced(read, within) if wait else read()
    except NotEnforced as error:
        if as_json and error.answer:
            write(error.answer)
        raise
    write(answer)


def describe_enforcement(enforcement: dict[str, Any]) -> str:
    """Describe the progress of a change as a part of a sentence; *enforcement* is REST's member."""
    progress = next((progress for progress in Progress if progress.words == enforcement["progress"]), None)
    if progress is None:
        return str(enforcement["progress"])  # from a newer publisher
    gateways, enforced_on = enforcement["gateways"], enforcement["enforcedOn"]
    text = str(
        Enforcement(
            progress,
            gateways,
            enforced_on,
            enforcement["milliseconds"],
            enforcement["reason"],
            tuple(enforcement.get("waitingFor", ())),  # absent from older publishers
            tuple(enforcement.get("disconnected", ())),
        )
    )
    return text[0].lower() + text[1:]
