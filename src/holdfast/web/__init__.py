"""
The pages, rendered on the server. Everything except the drop zone and the live status works without JavaScript.
"""

from fastapi import FastAPI

from holdfast.services.runtime import Runtime
from holdfast.web import api_docs, errors
from holdfast.web.access import account, audit, sign_in, single_sign_on, tokens, users
from holdfast.web.access.senders import find_sender as find_sender
from holdfast.web.attention import home
from holdfast.web.catalog import (
    apis,
    callers,
    definitions,
    editing,
    endpoints,
    environments,
    lifecycle,
    new_api,
    prototypes,
    request_rules,
)
from holdfast.web.docs_site import mount_docs_site
from holdfast.web.errors import fail as fail
from holdfast.web.errors import refuse as refuse
from holdfast.web.failures import failures
from holdfast.web.gateways import gateways, groups
from holdfast.web.identities import gateway_identities
from holdfast.web.inventory import certificates as all_certificates
from holdfast.web.inventory import changes, details, views
from holdfast.web.notifications import channels, notifications, owners, silences
from holdfast.web.probing import testing
from holdfast.web.publishing import live
from holdfast.web.revisions import deployments
from holdfast.web.search import search
from holdfast.web.static_files import mount_static_files
from holdfast.web.traffic import traffic
from holdfast.web.trust import certificates, exceptions, pinning, rotation, trust_settings, unused_trust
from holdfast.web.watch import calendar, expiry, watched_endpoints
from holdfast.web.watch.calendar import FeedLimits

_ROUTERS = (
    home.router,
    sign_in.router,
    single_sign_on.router,
    testing.router,
    api_docs.router,
    definitions.router,
    new_api.router,
    apis.router,
    editing.router,
    prototypes.router,
    callers.router,
    endpoints.router,
    environments.router,
    request_rules.router,
    lifecycle.router,
    deployments.router,
    certificates.router,
    all_certificates.router,
    details.router,
    changes.router,
    views.router,
    gateway_identities.router,
    trust_settings.router,
    exceptions.router,
    failures.router,
    gateways.router,
    groups.router,
    notifications.router,
    channels.router,
    silences.router,
    owners.router,
    watched_endpoints.router,
    expiry.router,
    calendar.router,
    live.router,
    pinning.router,
    rotation.router,
    account.router,
    audit.router,
    tokens.router,
    unused_trust.router,
    traffic.router,
    users.router,
    search.router,
)


def create_door(runtime: Runtime) -> FastAPI:
    """Create the ASGI application that serves the pages."""
    # With `include_router`, FastAPI analyzes all pages again, which delays the first request by a quarter second.
    routes = [route for router in _ROUTERS for route in router.routes]
    door = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, routes=routes)
    door.state.runtime = runtime
    door.state.feed_limits = FeedLimits()
    mount_static_files(door)
    mount_docs_site(door)
    errors.install(door)
    return door
