"""
The agent's reports about itself and its Envoy.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.files.distributions import find_version
from holdfast.gateway.agent.envoy_stats import read_envoy, read_traffic
from holdfast.gateway.control.reports import Problem, ProblemKind, Report, Traffic
from holdfast.gateway.discovery.bind_failure import read_bind_failures
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.failures.token_problem import TokenProblem
from holdfast.gateway.members.unhealthy import MemberHealth
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.gateway.resources.resource import LISTENER
from holdfast.network.sockets import explain_failed_listen

# Envoy's main thread stops while its counters are read, so the next reading waits for this multiple of the time.
_PAUSE = 1000
_PACKAGE = "holdfast-gateway"


def _do_nothing() -> None:
    return None


@dataclass(slots=True)
class Reporter:
    """
    Builds reports. Lives on one event loop.

    The functions return the current value of what a report contains.
    """

    cache: Cache
    process: EnvoyProcess
    now: Callable[[], datetime]
    stale_since: Callable[[], datetime | None] = _do_nothing
    state_problem: Callable[[], str | None] = _do_nothing
    lost_reports: Callable[[], int] = lambda: 0
    tls_problems: Callable[[], Iterable[str]] = tuple
    log_problem: Callable[[], str] = str
    token_problems: Callable[[], Iterable[TokenProblem]] = tuple
    member_health: Callable[[], MemberHealth | None] = _do_nothing
    started_at: datetime = field(init=False)
    _version: str = field(init=False)
    _traffic: tuple[Traffic, ...] = ()
    _read_again_at: float = 0.0  # monotonic

    def __post_init__(self) -> None:
        """Remember the start."""
        self.started_at = self.now()
        # Now, because an upgrade may replace the files while this process runs.
        self._version = find_version(_PACKAGE)

    async def build(self) -> Report:
        """Return a report."""
        envoy = await asyncio.to_thread(read_envoy, self.process.admin_socket, self.now())
        if envoy and time.monotonic() >= self._read_again_at:
            await self._read_traffic()
        return Report(
            sent_at=self.now(),
            started_at=self.started_at,
            version=self._version,
            envoy_version=envoy.version if envoy else "",
            envoy_started_at=envoy.started_at if envoy else None,
            envoy_restarts=self.process.restarts,
            envoy_ended_at=self.process.ended_at,
            stale_since=self.stale_since(),
            lost_reports=self.lost_reports(),
            problems=tuple(self.list_problems()),
            traffic=self._traffic if envoy else (),
            tokens=tuple(self.token_problems()),
            health=self.member_health() if envoy else None,
        )

    async def _read_traffic(self) -> None:
        began = time.monotonic()
        self._traffic = await asyncio.to_thread(read_traffic, self.process.admin_socket)
        end = time.monotonic()
        self._read_again_at = end + _PAUSE * (end - began)

    def list_problems(self) -> Iterable[Problem]:
        """Return the current problems."""
        for envoy in self.cache.gateways:
            for (type_url, name), rejection in envoy.rejected.items():
                if type_url == LISTENER:
                    failure = read_bind_failures(rejection.message).get(name)
                    text = explain_failed_listen(failure.address, failure.reason) if failure else rejection.message
                    yield Problem(ProblemKind.LISTENER, text)
        if problem := self.state_problem():
            yield Problem(ProblemKind.STATE, problem)
        for problem in self.tls_problems():
            yield Problem(ProblemKind.CERTIFICATE, problem)
        if problem := self.log_problem():
            yield Problem(ProblemKind.ACCESS_LOG, problem)
