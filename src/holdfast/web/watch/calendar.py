"""
The calendar feed of what expires: its address, which is shown once, and the calendar itself.
"""

import hashlib
from math import ceil

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from holdfast.network.forwarded import get_address
from holdfast.services.access.attempts import make_client_key
from holdfast.services.access.feeds import FEEDS, create_feed, open_feed, revoke_feed
from holdfast.services.access.principal import Principal
from holdfast.services.watch.calendar import build_calendar
from holdfast.store.access.tokens import Token
from holdfast.store.request_store import RequestStore
from holdfast.web import notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.rendering import render
from holdfast.work.buckets import Buckets

router = APIRouter()
RATE, BURST = 1 / 60, 20.0  # reads per second of one feed, and at once; calendar programs read every few hours
ADDRESS_RATE, ADDRESS_BURST = 1.0, 120.0  # of one address, with any secret


class _NoFeed(Exception):
    """There is no feed at this address."""


class FeedLimits:
    """The limits for reading feeds, of one publisher process."""

    def __init__(self) -> None:
        self._feeds = Buckets(RATE, BURST)
        self._addresses = Buckets(ADDRESS_RATE, ADDRESS_BURST)

    def take(self, address: str, secret: str) -> float:
        """Count a read; return 0, or the seconds to wait."""
        feed = hashlib.sha256(secret.encode()).hexdigest()
        return self._addresses.take(make_client_key(address)) or self._feeds.take(feed)


@router.get(FEEDS + "{secret}.ics")
async def read_feed(request: Request, runtime: CurrentRuntime, secret: str) -> Response:
    """Return the calendar; the address is the only credential."""
    limits: FeedLimits = request.app.state.feed_limits
    if wait := limits.take(get_address(request) or "", secret):
        return PlainTextResponse("Too many requests.\n", 429, {"Retry-After": str(ceil(wait))})
    feeds: list[Token] = []

    async def identify(store: RequestStore) -> Principal:
        opening = await run_in_threadpool(open_feed, store, secret, runtime.now())
        if opening is None:
            raise _NoFeed
        feeds.append(opening[1])
        return opening[0]

    try:
        async with runtime.context(identify, request.state.count_as) as context:
            publisher = str(request.base_url).rstrip("/")
            calendar = await run_in_threadpool(build_calendar, context, feeds[0], publisher)
    except _NoFeed:
        return PlainTextResponse("There is no calendar at this address. It may have been replaced or revoked.\n", 404)
    headers = {"Content-Disposition": 'inline; filename="holdfast.ics"', "Cache-Control": "private, no-cache"}
    return Response(calendar, media_type="text/calendar; charset=utf-8", headers=headers)


@router.post("/expiry/calendar")
def create(request: Request, context: RequestContext) -> Response:
    """Create a feed, and show its address for the only time."""
    feed, secret = create_feed(context)
    address = f"{str(request.base_url).rstrip('/')}{FEEDS}{secret}.ics"
    return render(request, "expiry/feed.html", context=context, section="certificates", feed=feed, address=address)


@router.post("/expiry/calendar/revoke")
def revoke(request: Request, context: RequestContext) -> Response:
    """Revoke the feed."""
    revoke_feed(context)
    return notices.redirect(request, "/expiry", "feed-revoked", context.user.name)
