"""
The REST API: the paths, members and status codes of WSO2's publisher, with additions.
"""

from fastapi import FastAPI

from holdfast.rest import errors, self_description
from holdfast.rest.access import audit_events, calendar_feed, oauth, own_account, tokens, users
from holdfast.rest.access.senders import find_sender as find_sender
from holdfast.rest.attention import attention
from holdfast.rest.catalog import (
    apis,
    definitions,
    documents,
    labels,
    lifecycle,
    publisher_settings,
    searches,
    validation,
)
from holdfast.rest.compatibility import empty_lists, generated_keys
from holdfast.rest.errors import answer_unexpected_error as answer_unexpected_error
from holdfast.rest.errors import refuse as refuse
from holdfast.rest.failures import acknowledgements, endpoint_health, failures
from holdfast.rest.gateways import control_planes, groups
from holdfast.rest.gateways import gateways as enrolled_gateways
from holdfast.rest.identities import caller_certificates, client_certs, gateway_identities
from holdfast.rest.json_limit import JsonLimit
from holdfast.rest.notifications import channels as notification_channels
from holdfast.rest.notifications import notifications, owners, silences
from holdfast.rest.prefixes import Prefixes
from holdfast.rest.probing import probes
from holdfast.rest.publishing import gateways, metrics
from holdfast.rest.revisions import deployments, revisions
from holdfast.rest.traffic import traffic
from holdfast.rest.transfer import archives
from holdfast.rest.trust import (
    endpoint_certificates,
    inventory,
    removed_certificates,
    trust_settings,
)
from holdfast.rest.watch import expiry, watched_endpoints
from holdfast.services.runtime import Runtime

# Routers with fixed paths below /apis precede /apis/{api_id}, which would match these paths too.
_ROUTERS = (
    archives.router,
    definitions.router,
    validation.router,
    lifecycle.router,
    revisions.router,
    deployments.router,
    apis.router,
    documents.router,
    caller_certificates.router,
    client_certs.router,
    inventory.router,
    endpoint_certificates.router,
    removed_certificates.router,
    trust_settings.router,
    probes.router,
    gateway_identities.router,
    failures.router,
    acknowledgements.router,
    endpoint_health.router,
    attention.router,
    watched_endpoints.router,
    expiry.router,
    traffic.router,
    gateways.router,
    groups.router,
    enrolled_gateways.router,
    control_planes.router,
    notification_channels.router,
    notifications.router,
    silences.router,
    owners.router,
    labels.router,
    searches.router,
    publisher_settings.router,
    metrics.router,
    audit_events.router,
    tokens.router,
    calendar_feed.router,
    users.router,
    own_account.router,
    empty_lists.router,
    generated_keys.router,
    oauth.registration,
    oauth.router,
    enrolled_gateways.joining,
)


def create_door(runtime: Runtime) -> FastAPI:
    """Create the REST application."""
    # With `include_router`, FastAPI analyzes all operations again, which delays the first request by a quarter second.
    door = FastAPI(
        title="Holdfast",
        openapi_url=self_description.URL,
        docs_url=None,
        redoc_url=None,
        routes=[route for router in _ROUTERS for route in router.routes],
    )
    door.state.runtime = runtime
    errors.install(door)
    self_description.install(door)
    door.add_middleware(JsonLimit)
    door.add_middleware(Prefixes)
    return door
