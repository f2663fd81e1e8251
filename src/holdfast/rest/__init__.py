"""
The JSON door: the paths, fields and status codes of WSO2's publisher REST API, with more fields added.
"""

from fastapi import Depends, FastAPI

from holdfast.rest import (
    apis,
    archives,
    caller_certificates,
    certificate_content,
    client_certificates,
    definitions,
    endpoint_certificates,
    errors,
    failures,
    gateways,
    lifecycle,
    metrics,
    oauth,
    own_account,
    probing,
    publisher_settings,
    removed_certificates,
    rotation,
    searching,
    self_description,
    tokens,
    trust_settings,
    users,
    validation,
)
from holdfast.rest.inputs import refuse_unknown_inputs
from holdfast.rest.json_limit import JsonLimit
from holdfast.rest.prefixes import Prefixes
from holdfast.rest.senders import sender as sender
from holdfast.services.runtime import Runtime


def create_door(runtime: Runtime) -> FastAPI:
    """Make the application that answers programs."""
    door = FastAPI(title="Holdfast", openapi_url=self_description.URL, docs_url=None, redoc_url=None)
    door.state.runtime = runtime
    strictly = [Depends(refuse_unknown_inputs)]
    # Those with names below /apis come before /apis/{api_id}, which would take the names for ids.
    for part in (
        archives,
        definitions,
        validation,
        lifecycle,
        apis,
        caller_certificates,
        endpoint_certificates,
        certificate_content,
        rotation,
        removed_certificates,
        trust_settings,
        probing,
        client_certificates,
        failures,
        gateways,
        searching,
        publisher_settings,
        metrics,
        tokens,
        users,
        own_account,
    ):
        door.include_router(part.router, dependencies=strictly)
    door.include_router(oauth.registration, dependencies=strictly)
    door.include_router(oauth.router)
    errors.install(door)
    self_description.install(door)
    door.add_middleware(JsonLimit)
    door.add_middleware(Prefixes)
    return door
