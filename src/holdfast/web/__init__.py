"""
The HTML door: pages for people, made on the server. All but the drop zone and the live status works without scripts.
"""

from fastapi import FastAPI

from holdfast.services.runtime import Runtime
from holdfast.web import (
    account,
    api_docs,
    apis,
    certificates,
    client_certificates,
    endpoints,
    errors,
    failures,
    lifecycle,
    live,
    rotation,
    sign_in,
    single_sign_on,
    testing,
    tokens,
    trust_settings,
    unused_trust,
    users,
)
from holdfast.web.senders import sender as sender
from holdfast.web.static_files import mount_static_files


def create_door(runtime: Runtime) -> FastAPI:
    """Make the application that answers people."""
    door = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    door.state.runtime = runtime
    for page in (
        sign_in,
        single_sign_on,
        testing,
        api_docs,
        apis,
        endpoints,
        lifecycle,
        certificates,
        client_certificates,
        trust_settings,
        failures,
        live,
        rotation,
        account,
        tokens,
        unused_trust,
        users,
    ):
        door.include_router(page.router)
    mount_static_files(door)
    errors.install(door)
    return door
