"""
The pages, rendered on the server. Everything except the drop zone and the live status works without JavaScript.
"""

from fastapi import FastAPI

from holdfast.services.runtime import Runtime
from holdfast.web import api_docs, errors
from holdfast.web.access import account, sign_in, single_sign_on, tokens, users
from holdfast.web.access.senders import sender as sender
from holdfast.web.catalog import apis, endpoints, environments, lifecycle
from holdfast.web.docs_site import mount_docs_site
from holdfast.web.errors import fail as fail
from holdfast.web.errors import refuse as refuse
from holdfast.web.failures import failures
from holdfast.web.gateways import gateways
from holdfast.web.identities import gateway_identities
from holdfast.web.probing import testing
from holdfast.web.publishing import live
from holdfast.web.static_files import mount_static_files
from holdfast.web.trust import certificates, rotation, trust_settings, unused_trust


def create_door(runtime: Runtime) -> FastAPI:
    """Create the ASGI application that serves the pages."""
    door = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    door.state.runtime = runtime
    for page in (
        sign_in,
        single_sign_on,
        testing,
        api_docs,
        apis,
        endpoints,
        environments,
        lifecycle,
        certificates,
        gateway_identities,
        trust_settings,
        failures,
        gateways,
        live,
        rotation,
        account,
        tokens,
        unused_trust,
        users,
    ):
        door.include_router(page.router)
    mount_static_files(door)
    mount_docs_site(door)
    errors.install(door)
    return door
