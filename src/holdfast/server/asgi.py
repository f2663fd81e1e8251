"""
The web application: REST, pages, and what applies to both.
"""

from collections.abc import Sequence
from functools import partial

from starlette.types import ASGIApp

from holdfast import rest, web
from holdfast.network.addresses import Network
from holdfast.network.forwarded import ForwardedClient
from holdfast.server.middleware.bodies import LARGE_BODIES, LARGE_BODIES_OF_A_USER, BodyLimit
from holdfast.server.middleware.concurrency_limit import ConcurrencyLimit
from holdfast.server.middleware.cross_origin import CrossOriginProtection
from holdfast.server.middleware.doors import Door, Doors
from holdfast.server.middleware.health import Health, Readiness
from holdfast.server.middleware.host_cookie import HostCookie
from holdfast.server.middleware.rate_limit import RateLimit
from holdfast.server.middleware.request_ids import RequestIds
from holdfast.server.middleware.security_headers import SecurityHeaders
from holdfast.server.telemetry.observing import Observe
from holdfast.services.runtime import Runtime
from holdfast.work.shares import Shares


def create_asgi(
    runtime: Runtime,
    requests_per_second: float = 0.0,
    trusted_proxies: Sequence[Network] = (),
    readiness: Readiness | None = None,
    observe: Observe = lambda app: app,
) -> ASGIApp:
    """
    Create the web application: REST, OAuth and metrics at JSON_PATHS, pages everywhere else.

    *requests_per_second* is the sustained rate for one user; 0: no limit. The X-Forwarded-* headers of
    *trusted_proxies* are trusted. *observe* is applied to what serves requests, for telemetry.
    """
    pages = web.create_door(runtime)
    doors = Doors(
        Door(rest.create_door(runtime), rest.refuse, rest.answer_unexpected_error, partial(rest.find_sender, runtime)),
        Door(pages, partial(web.refuse, pages), partial(web.fail, pages), partial(web.find_sender, runtime)),
    )
    large = Shares(LARGE_BODIES, LARGE_BODIES_OF_A_USER)
    body_limit = BodyLimit(ConcurrencyLimit(doors, doors.refuse), doors.refuse, doors.identify, large)
    inner = CrossOriginProtection(HostCookie(body_limit), doors.refuse)
    rate_limit = RateLimit(inner, doors.refuse, requests_per_second) if requests_per_second else inner
    healthy = Health(rate_limit, readiness or Readiness())
    return ForwardedClient(observe(SecurityHeaders(RequestIds(healthy, doors.fail))), trusted_proxies)
