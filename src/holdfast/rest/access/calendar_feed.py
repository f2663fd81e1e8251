"""
`/calendar-feed`: the address under which calendar programs read what expires.
"""

from fastapi import Request, Response

from holdfast.rest.access import responses
from holdfast.rest.access.responses import NewCalendarFeed
from holdfast.rest.authentication import RequestContext
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.access import feeds
from holdfast.services.errors import NotFound
from holdfast.store.access.tokens import Token

router = Router(prefix=f"{PREFIX}/calendar-feed", tags=["Account"])


@router.get("")
def get_calendar_feed(context: RequestContext) -> responses.CalendarFeed:
    """
    Get your calendar feed.

    Returns when it was created and when it expires, without its address; 404 if you have none.
    """
    feed = feeds.find_feed(context)
    if feed is None:
        raise NotFound("calendar feed", context.user.name)
    return _describe(feed)


@router.post("", status_code=201)
def create_calendar_feed(request: Request, context: RequestContext) -> NewCalendarFeed:
    """
    Create your calendar feed.

    Calendar programs read `url` without signing in. It is returned only in this response, and replaces your previous
    address, which no longer works.
    """
    feed, secret = feeds.create_feed(context)
    return {**_describe(feed), "url": f"{str(request.base_url).rstrip('/')}{feeds.FEEDS}{secret}.ics"}


@router.delete("", status_code=204)
def revoke_calendar_feed(context: RequestContext) -> Response:
    """
    Revoke your calendar feed.

    Its address no longer works; 404 if you have none.
    """
    feeds.revoke_feed(context)
    return Response(status_code=204)


def _describe(feed: Token) -> responses.CalendarFeed:
    return {"createdTime": feed.created_at.isoformat(), "expiresTime": feed.expires_at.isoformat()}
