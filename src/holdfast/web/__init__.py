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


def create_door(runtime: Runtime) -> FastAPI:
    """Create the ASGI application that serves the pages."""
    door = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    door.state.runtime = runtime
    door.state.feed_limits = FeedLimits()
    for page in (
        home,
        sign_in,
        single_sign_on,
        testing,
        api_docs,
        definitions,
        new_api,
        apis,
        editing,
        prototypes,
        callers,
        endpoints,
        environments,
        request_rules,
        lifecycle,
        deployments,
        certificates,
        all_certificates,
        details,
        changes,
        views,
        gateway_identities,
        trust_settings,
        exceptions,
        failures,
        gateways,
        groups,
        notifications,
        channels,
        silences,
        owners,
        watched_endpoints,
        expiry,
        calendar,
        live,
        pinning,
        rotation,
        account,
        audit,
        tokens,
        unused_trust,
        traffic,
        users,
        search,
    ):
        door.include_router(page.router)
    mount_static_files(door)
    mount_docs_site(door)
    errors.install(door)
    return door
