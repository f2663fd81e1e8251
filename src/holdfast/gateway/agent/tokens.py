"""
Access tokens with which this gateway signs in to backends: the agent gets them, and gives them to its Envoy as secrets.

Traffic never waits for the control plane, and a new token changes no cluster. A token is stored like everything that
the gateway serves, encrypted, so that a restart needs no new one.
"""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from google.protobuf.message import DecodeError

from holdfast.gateway.agent.early_renewal import EarlyRenewal
from holdfast.gateway.discovery.cache import Cache, ResourceKey
from holdfast.gateway.failures.token_problem import TokenProblem
from holdfast.gateway.probing.token_answer import EnvoyNotReady, NoToken, Token, ask_for_token
from holdfast.gateway.resources.constants import TOKEN
from holdfast.gateway.resources.resource import CLUSTER, SECRET, Resource
from holdfast.gateway.resources.token_requests import (
    ENDPOINT_PREFIX,
    REQUEST_PREFIX,
    TOKEN_PREFIX,
    TokenRequest,
    build_token,
    read_token_request,
)

log = structlog.get_logger()
Save = Callable[[Iterable[Resource], Iterable[ResourceKey]], Awaitable[None]]
AT_ONCE = 16  # requests to token endpoints
RENEW_AFTER, JITTER = 0.8, 0.1  # of a token's lifetime; all gateways got theirs at the same moment
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0  # seconds between attempts, if the next one may help
READY_SOON, READY_WITHIN = 0.02, 2.0  # seconds between attempts until Envoy has the token endpoint's cluster
FIRST_PAUSE_IF_REJECTED = 5.0  # seconds: servers lock clients that fail often


class Tokens:
    """The tokens of this gateway, one for each token request. Lives on one event loop."""

    def __init__(
        self,
        cache: Cache,
        probe_socket: Path,
        now: Callable[[], datetime],
        save: Save,
        on_problem: Callable[[], None] = lambda: None,
    ) -> None:
        """*save* stores changed and removed resources; *on_problem* is called when `problems` has changed."""
        self._cache = cache
        self._socket = probe_socket
        self._now = now
        self._save = save
        self._on_problem = on_problem
        # Own threads: a token endpoint that doesn't answer must not delay what the agent does in others.
        self._threads = ThreadPoolExecutor(AT_ONCE, "tokens")
        # By the name of the request: its task, and when the token in use expires.
        self._kept: dict[str, asyncio.Task[None]] = {}
        self._expires: dict[str, datetime] = {}
        self._wake: dict[str, asyncio.Event] = {}  # by the name of the token endpoint's cluster
        self._problems: dict[str, TokenProblem] = {}  # by the name of the request
        self._renewals: dict[str, EarlyRenewal] = {}  # by the name of the request; for each token in use

    @property
    def problems(self) -> list[TokenProblem]:
        """Why there are no tokens, or no new ones."""
        return [replace(problem, valid_until=self._expires.get(name)) for name, problem in self._problems.items()]

    @staticmethod
    def is_own(key: ResourceKey) -> bool:
        """Return whether the agent provides a resource, so that the control plane's doesn't count."""
        return key[0] == SECRET and key[1].startswith(TOKEN_PREFIX)

    def admit(
        self, upserts: Iterable[Resource], removals: Iterable[ResourceKey]
    ) -> tuple[list[Resource], list[ResourceKey]]:
        """
        Return a change for Envoy: with an empty secret for each new token request, so that no cluster waits for one.

        Tokens among *upserts* were stored by an earlier process.
        """
        gone = [key for key in removals if not self.is_own(key)]
        changes = {(upsert.type_url, upsert.name): upsert for upsert in upserts}
        for key in filter(_is_request, gone):
            self._end(key[1])
            self._expires.pop(key[1], None)
            self._renewals.pop(key[1], None)
        gone += [(SECRET, _name_token(key[1])) for key in gone if _is_request(key)]
        for (type_url, name), resource in list(changes.items()):
            if _is_request((type_url, name)):
                self._end(name)
                token = (SECRET, _name_token(name))
                if last_token := changes.get(token):
                    changes[token] = replace(last_token, expires_at=None)
                    self._begin(resource, last_token.expires_at)
                else:
                    if not self._cache.get(*token):
                        changes[token] = build_token(token[1], "")
                    self._begin(resource)
            elif type_url == CLUSTER and (wake := self._wake.get(name)):
                wake.set()
        return list(changes.values()), gone

    def take(self, message: bytes) -> None:
        """Read a message about rejected tokens (`StreamAccessLogsMessage`); one that can't be read is ignored."""
        try:
            entries = StreamAccessLogsMessage.FromString(message).http_logs.log_entry
        except DecodeError:
            return
        for entry in entries:
            common = entry.common_properties
            name = REQUEST_PREFIX + common.custom_tags.get(TOKEN, "").removeprefix(TOKEN_PREFIX)
            renewal, wake = (
                self._renewals.get(name),
                self._wake.get(ENDPOINT_PREFIX + name.removeprefix(REQUEST_PREFIX)),
            )
            if renewal and wake and renewal.reject(common.start_time.ToDatetime(UTC)):
                log.info("the backend rejects an access token, so a new one is requested", name=name)
                wake.set()

    async def close(self) -> None:
        """End all requests."""
        for task in self._kept.values():
            task.cancel()
        await asyncio.gather(*self._kept.values(), return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, resource: Resource, expires_at: datetime | None = None) -> None:
        """Get tokens from now on; without *expires_at*, of a stored token, the first one at once."""
        try:
            request = read_token_request(resource)
        except (ValueError, KeyError, TypeError):
            log.error("token request cannot be read", name=resource.name)
            return
        wait = 0.0
        if expires_at:
            self._expires[resource.name] = expires_at
            self._renewals[resource.name] = EarlyRenewal(self._now())
            wait = self._compute_pause(expires_at)
        self._wake[request.cluster] = asyncio.Event()
        self._kept[resource.name] = asyncio.create_task(self._keep(resource.name, request, wait))

    def _end(self, name: str) -> None:
        if self._problems.pop(name, None):
            self._on_problem()
        self._wake.pop(ENDPOINT_PREFIX + name.removeprefix(REQUEST_PREFIX), None)
        if task := self._kept.pop(name, None):
            task.cancel()

    async def _keep(self, name: str, request: TokenRequest, wait: float) -> None:
        """Get one token after the other until cancelled; the last one is used for as long as it is valid."""
        pause, until_ready, wake = FIRST_PAUSE, READY_SOON, self._wake[request.cluster]
        while True:
            woken = await _sleep(min(wait, self._find_remaining_time(name)), wake)
            if self._find_remaining_time(name) <= 0:
                del self._expires[name]
                self._renewals.pop(name, None)
                self._on_problem()
                await self._use(build_token(request.token, ""))
            if woken and name not in self._problems and not self._needs_token(name):
                wait = self._compute_pause(self._expires[name])
                continue
            if woken:  # with its new trust, the next attempt can succeed
                pause, until_ready = FIRST_PAUSE, READY_SOON
            began = self._now()
            try:
                token = await self._ask(request)
            except EnvoyNotReady:
                wait, until_ready = until_ready, min(until_ready * 2, READY_WITHIN)
                continue
            except NoToken as error:
                self._note(name, request, error)
                pause = pause if error.is_passing else max(pause, FIRST_PAUSE_IF_REJECTED)
                wait = pause * random.uniform(0.5, 1)  # noqa: S311
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause, expires_at = FIRST_PAUSE, began + timedelta(seconds=token.lifetime)
            if self._problems.pop(name, None):
                log.info("has an access token again", backend=request.backend)
                self._on_problem()
            self._expires[name] = expires_at
            await self._use(build_token(request.token, token.value, expires_at))
            self._renewals.setdefault(name, EarlyRenewal(self._now())).use(self._now())
            wait = self._compute_pause(expires_at)

    async def _ask(self, request: TokenRequest) -> Token:
        sockets: list[socket.socket] = []
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, ask_for_token, self._socket, request, sockets.append)
        except asyncio.CancelledError:
            for connection in sockets:  # the thread must not delay the end of the agent
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            raise

    def _needs_token(self, name: str) -> bool:
        """Return whether there is no token, or the backend rejects it."""
        return name not in self._expires or name not in self._renewals or self._renewals[name].is_rejected

    async def _use(self, token: Resource) -> None:
        # Without its expiry, after which Envoy would have no secret instead of an empty one.
        self._cache.apply([replace(token, expires_at=None)])
        self._cache.tell_observers()
        await self._save([token], ())

    def _note(self, name: str, request: TokenRequest, error: NoToken) -> None:
        problem = TokenProblem(request.backend, error.cause.value, error.words)
        if self._problems.get(name) != problem:
            self._problems[name] = problem
            log.warning("no access token", backend=request.backend, cause=problem.cause, words=problem.words)
            self._on_problem()

    def _find_remaining_time(self, name: str) -> float:
        """Return the seconds until the token in use expires; none does if there is none."""
        expires_at = self._expires.get(name)
        return max((expires_at - self._now()).total_seconds(), 0.0) if expires_at else float("inf")

    def _compute_pause(self, expires_at: datetime) -> float:
        seconds = max((expires_at - self._now()).total_seconds(), 0.0)
        return seconds * (RENEW_AFTER - random.uniform(0, JITTER))  # noqa: S311


async def _sleep(seconds: float, wake: asyncio.Event) -> bool:
    """Wait for *seconds*, or until *wake* is set; return whether it was."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()
    was_set = wake.is_set()
    wake.clear()
    return was_set


def _is_request(key: ResourceKey) -> bool:
    return key[0] == SECRET and key[1].startswith(REQUEST_PREFIX)


def _name_token(request: str) -> str:
    return TOKEN_PREFIX + request.removeprefix(REQUEST_PREFIX)
