"""
Exceptions from verification that end within seconds; a busy machine may see that they are in force only the next time.

    grant_until(lambda: holdfast.call(api.path).is_success, holdfast, backend.url(), timedelta(seconds=3))
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from running import Holdfast, wait_until


def grant(holdfast: Holdfast, endpoint: str, lasting: timedelta) -> None:
    """Turn off verification of *endpoint*."""
    body = {"reason": "the backend's team renews it today", "until": (datetime.now(UTC) + lasting).isoformat()}
    where = {"endpoint": endpoint}
    holdfast.rest.put("/endpoints/trust-exception", params=where, json=body).raise_for_status()


def grant_until(is_open: Callable[[], bool], holdfast: Holdfast, endpoint: str, lasting: timedelta) -> None:
    """Turn off verification of *endpoint* until *is_open* returns true; again if the exception has ended before."""

    def opens() -> bool:
        grant(holdfast, endpoint, lasting)
        with suppress(AssertionError):
            return wait_until(is_open, within=lasting.total_seconds())
        return False

    wait_until(opens, within=60)
