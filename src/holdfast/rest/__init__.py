"""
The REST API: the paths, members and status codes of WSO2's publisher, with additions.
"""

from fastapi import Depends, FastAPI

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
from holdfast.rest.inputs import refuse_unknown_inputs, refuse_unknown_query
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


def create_door(runtime: Runtime) -> FastAPI:
    """Create the REST application."""
    door = FastAPI(
        title="Holdfast",
        openapi_url=self_description.URL,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=self_description.name_operation,
    )
    door.state.runtime = runtime
    strict = [Depends(refuse_unknown_inputs)]
    # Routers with fixed paths below /apis precede /apis/{api_id}, which would match these paths too.
    for part in (
        archives,
        definitions,
        validation,
        lifecycle,
        revisions,
        deployments,
        apis,
        documents,
        caller_certificates,
        client_certs,
        inventory,
        endpoint_certificates,
        removed_certificates,
        trust_settings,
        probes,
        gateway_identities,
        failures,
        acknowledgements,
        endpoint_health,
        attention,
        watched_endpoints,
        expiry,
        traffic,
        gateways,
        groups,
        enrolled_gateways,
        control_planes,
        notification_channels,
        notifications,
        silences,
        owners,
        labels,
        searches,
        publisher_settings,
        metrics,
        audit_events,
        tokens,
        calendar_feed,
        users,
        own_account,
        empty_lists,
        generated_keys,
    ):
        door.include_router(part.router, dependencies=strict)
    door.include_router(oauth.registration, dependencies=strict)
    door.include_router(oauth.router)
    door.include_router(enrolled_gateways.joining, dependencies=[Depends(refuse_unknown_query)])
    errors.install(door)
    self_description.install(door)
    door.add_middleware(JsonLimit)
    door.add_middleware(Prefixes)
    return door
