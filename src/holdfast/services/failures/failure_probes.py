"""
Tests failing backends, one after the other, to show what they present.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

import structlog

from holdfast.apis.catalog.connection_settings import Protocol
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.gateway.failures.causes import TOKEN_CAUSES, Cause
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.catalog.http1_fallback import find_connection
from holdfast.services.errors import Conflict, TooManyTests
from holdfast.services.failures.backend_probe import BackendProbe, record_probe
from holdfast.services.failures.failed_calls import FailedCall
from holdfast.services.failures.failures import Failures
from holdfast.services.probing.probes import Probes
from holdfast.services.probing.terms import find_terms_to_test
from holdfast.store.catalog import apis, revisions
from holdfast.store.database import Store
from holdfast.store.gateways import gateways
from holdfast.store.sealing import Sealing

log = structlog.get_logger()
Backend = tuple[str, str, Environment, str]  # organization, API, environment, place
AGAIN_AFTER = 30.0  # seconds until the same backend can be tested again
TEST_DELAY = 0.5  # seconds from a failure to its test: gateways get changes first, and one may already mend the backend
AT_MOST = 1000  # backends at gateways in the queue, or remembered
# A test explains nothing here: there was no handshake, or the failure came after it for another reason.
_NOTHING_TO_SEE = {
    Cause.CONNECTION_REFUSED,
    Cause.DNS_FAILURE,
    Cause.TIMEOUT,
    Cause.NOT_TLS,
    Cause.TRUST_NOT_READY,
    Cause.STORED_DATA_UNREADABLE,
    Cause.BACKEND_NOT_READY,
    Cause.RESPONSE_HEADERS_TOO_LARGE,
    Cause.TOO_MANY_RESPONSE_HEADERS,
    Cause.CLOSED_DURING_RESPONSE,
    Cause.TOO_MANY_OPEN_REQUESTS,
    Cause.CONNECTION_AUTHENTICATION,
    Cause.SIGN_IN_FAILED,  # without a connection to the backend
    *TOKEN_CAUSES,
}


# A backend that rejects HTTP/2 can look like this.
_MAY_REJECT_HTTP2 = {
    Cause.NOT_HTTP,
    Cause.CONTRADICTORY_LENGTH,
    Cause.CLOSED_BEFORE_RESPONSE,
    Cause.STREAM_REFUSED,
    Cause.OTHER,
}


class FailureProbes:
    """Tests each backend that fails at a gateway from there, at most every 30 seconds. Lives on one event loop."""

    def __init__(
        self, store: Store, sealing: Sealing, probes: Probes, failures: Failures, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._probes = probes
        self._failures = failures
        self._now = now
        self._queue: asyncio.Queue[tuple[Backend, float, FailedCall]] = asyncio.Queue(AT_MOST)
        self._waiting: dict[Backend, float] = {}  # in the queue, and since when
        self._turns: OrderedDict[Backend, float] = OrderedDict()  # when each was last queued
        self._silent_until: dict[str, float] = {}  # by gateway, of which there is a limited number
        failures.observe(self.notice, self.forget)

    def notice(self, call: FailedCall) -> None:
        """Queue the backend of *call*, unless it waits, or was queued within the last 30 seconds."""
        if call.environment is None:
            return
        backend = call.organization, call.api_id, call.environment, call.place
        now = asyncio.get_running_loop().time()
        last = self._turns.get(backend)
        if (
            call.reported_cause in _NOTHING_TO_SEE
            or backend in self._waiting
            or (last is not None and now - last < AGAIN_AFTER)
            or self._queue.full()
        ):
            return
        self._turns[backend] = now
        self._turns.move_to_end(backend)
        if len(self._turns) > AT_MOST:
            self._turns.popitem(last=False)
        self._waiting[backend] = now
        self._queue.put_nowait((backend, now, call))

    def forget(self, organization: str, api_id: str) -> None:
        """Allow the backends of an API to be tested again at once, because a change of it is in force."""
        for times in (self._turns, self._waiting):
            for backend in [key for key in times if key[:2] == (organization, api_id)]:
                del times[backend]

    async def follow(self) -> None:
        """Test failing backends, one after the other, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            backend, queued_at, call = await self._queue.get()
            await asyncio.sleep(queued_at + TEST_DELAY - clock())
            if self._waiting.get(backend) != queued_at:  # a later change is in force
                continue
            del self._waiting[backend]
            if clock() < self._silent_until.get(call.gateway, 0.0):
                continue
            began = self._now()
            try:
                probe = await self._examine(call)
            except (Conflict, InvalidField, TooManyTests) as error:
                log.info("backend cannot be tested", organization=call.organization, api=call.api_id, reason=str(error))
            except Exception:
                # One backend must not keep the others from being tested.
                log.exception("backend test failed", organization=call.organization, api=call.api_id)
            else:
                if probe:
                    self._failures.keep_probe(call, probe, began)
                    if not probe.verdict.cause and probe.verdict.by == "none":
                        # Neither must a gateway that reports failures, and doesn't answer.
                        self._silent_until[call.gateway] = clock() + AGAIN_AFTER

    async def _examine(self, call: FailedCall) -> BackendProbe | None:
        user = Principal(call.organization, "holdfast")
        context = Context(self._store, user, self._now())
        url = await asyncio.to_thread(self._find_endpoint, call)
        if url is None:
            return None
        terms = await asyncio.to_thread(find_terms_to_test, context, self._sealing, url)
        # From where it failed: the backend may present something else to other machines.
        outcome = await self._probes.probe(user, url, terms, call.gateway)
        if outcome.verdict.accepted and call.reported_cause in _MAY_REJECT_HTTP2:
            connection = await asyncio.to_thread(find_connection, context, url)
            if connection.protocol is Protocol.AUTO:
                await self._probes.check(user, url, terms, connection, call.gateway)
        return record_probe(outcome, self._now())

    def _find_endpoint(self, call: FailedCall) -> str | None:
        """Return the URL of the https endpoint of *call* that its gateway uses now, in what its group serves."""
        with self._store.read() as session:
            stored_apis = apis.list_with_ids(session, call.organization, [call.api_id])
            variants = revisions.list_deployed(session, call.organization, stored_apis)
            group = dict(gateways.list_joined(session)).get(call.gateway, DEFAULT_GROUP)
        api = next((variant for variant in variants if group in variant.groups), None)
        endpoint = api.find_member(call.environment, call.member) if api and call.environment else None
        return endpoint.url if endpoint and endpoint.origin.is_secure else None
