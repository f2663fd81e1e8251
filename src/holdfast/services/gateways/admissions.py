"""
Admission of gateways: a stream needs a certificate that is stored and not expired, at its start and while it is open.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import structlog

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.gateway.peer import Peer
from holdfast.services.background import wake_on_write
from holdfast.store.database import Store
from holdfast.store.gateways import certificates

log = structlog.get_logger()
LONGEST_SLEEP = 60.0  # seconds: clocks are adjusted, and machines are suspended


class Admissions:
    """
    Admits gateways by the SHA-256 of their certificate, and ends their streams when it is no longer accepted.

    Everything except `authorize` belongs to one event loop.

        peer = await asyncio.to_thread(admissions.authorize, fingerprint)
        ended = admissions.follow_certificate(fingerprint)  # a future; cancel it when the stream ends
    """

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._wake = wake_on_write(store)
        self._streams: dict[asyncio.Future[None], str] = {}

    def authorize(self, fingerprint: str) -> Peer | None:
        """
        Return the gateway that may connect with this certificate (SHA-256 of the DER, lower-case hex), None if none.

        Costs one query by primary key; call it in a thread.
        """
        with self._store.read() as session:
            peer = certificates.get_holder(session, DEFAULT_ORGANIZATION, fingerprint, self._now())
        return Peer(*peer) if peer else None

    def follow_certificate(self, fingerprint: str) -> "asyncio.Future[None]":
        """Return a future that is done once the certificate is revoked, replaced or expired, even if it is already."""
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._streams[end] = fingerprint
        end.add_done_callback(self._forget)
        self._wake.set()
        return end

    async def follow(self) -> None:
        """End streams whose certificates are no longer accepted, within milliseconds, until cancelled."""
        while True:
            self._wake.clear()
            following = await self._end_rejected()
            seconds = LONGEST_SLEEP if following is None else (following - self._now()).total_seconds()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(seconds, 0.0), LONGEST_SLEEP)):
                    await self._wake.wait()

    async def _end_rejected(self) -> datetime | None:
        """End what must end, and return when the next certificate expires."""
        streams = dict(self._streams)
        if not streams:
            return None
        expiries = await asyncio.to_thread(self._find_expiries, set(streams.values()))
        now = self._now()
        for stream_end, fingerprint in streams.items():
            if expiries.get(fingerprint, now) <= now and not stream_end.done():
                log.info("gateway certificate no longer accepted", fingerprint=fingerprint)
                stream_end.set_result(None)
        return min((end for end in expiries.values() if end > now), default=None)

    def _find_expiries(self, fingerprints: set[str]) -> dict[str, datetime]:
        with self._store.read() as session:
            return certificates.list_expiries(session, DEFAULT_ORGANIZATION, fingerprints)

    def _forget(self, end: "asyncio.Future[None]") -> None:
        self._streams.pop(end, None)
