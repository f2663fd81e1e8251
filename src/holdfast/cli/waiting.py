"""
Waits until the gateways have put a change in force.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

from typer import Option

from holdfast.cli.failures import NotEnforced

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5  # seconds
Wait = Annotated[bool, Option("--wait", help="Wait until all gateways have put it in force.")]
Within = Annotated[float, Option(min=0.1, max=3600, metavar="SECONDS", help="How long --wait waits at most.")]


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
        found = read()
        enforcement = found["enforcement"]
        match enforcement["progress"]:
            case "enforced" | "unverified":
                return found
            case "not served" if also_unserved:
                return found
            case "refused":
                raise NotEnforced(f"It is saved, but a gateway refuses it: {enforcement['reason']}")
            case "not served":
                raise NotEnforced("It is saved, and takes effect when an API with this endpoint is published.")
        if time.monotonic() + pause > end:
            raise NotEnforced(f"It is saved, but after {within:g} seconds not in force: {in_words(enforcement)}.")
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


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
