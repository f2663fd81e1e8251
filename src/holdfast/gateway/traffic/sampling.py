"""
The share of requests that are measured in detail: all of a gateway with little traffic, and enough of a busy one.
"""

import asyncio
from pathlib import Path

import structlog

from holdfast.gateway.process.admin_http import NoAdminAnswer, ask
from holdfast.gateway.resources.constants import ALL_REQUESTS

log = structlog.get_logger()
ENOUGH = 200.0  # requests per second in the sample of traffic


def choose_sample(rate: float, enough: float = ENOUGH) -> int:
    """
    Return how many of a million requests to measure, at *rate* requests per second, so that *enough* of them remain.

    It is a million divided by a power of two, so that it changes rarely.
    """
    share = ALL_REQUESTS
    while share > 1 and rate * share / ALL_REQUESTS > enough:
        share //= 2
    return share


class Sampling:
    """Sets a sample of an Envoy, through its admin interface. Lives on one event loop."""

    def __init__(self, admin: Path, key: str, enough: float) -> None:
        """*key* is that of the sample in Envoy's runtime; *enough* is in requests per second."""
        self._admin = admin
        self._key = key
        self._enough = enough
        self._set: tuple[str, int] = ("", ALL_REQUESTS)  # process and sample; a new process measures all requests

    async def adapt(self, process: str, rate: float) -> None:
        """Set the sample of the Envoy *process* for *rate* requests per second, if it is another one than before."""
        before = self._set[1] if self._set[0] == process else ALL_REQUESTS
        sample = choose_sample(rate, self._enough)
        # Between one half and the whole of what is enough, nothing changes.
        if sample == before or (sample == before * 2 and rate * sample / ALL_REQUESTS > self._enough / 2):
            return
        try:
            await asyncio.to_thread(ask, self._admin, f"/runtime_modify?{self._key}={sample}", "POST")
        except NoAdminAnswer as error:
            log.info("sample of requests wasn't changed", reason=str(error))
            return
        self._set = process, sample
