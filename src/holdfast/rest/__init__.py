"""
The JSON door: the paths, fields and status codes of WSO2's publisher REST API, with more fields added.
"""

from fastapi import FastAPI

from holdfast.rest import (
    apis,
    certificate_content,
    client_certificates,
    endpoint_certificates,
    errors,
    failures,
    metrics,
    probing,
    removed_certificates,
    rotation,
    trust_settings,
)
from holdfast.services.runtime import Runtime


def create_door(runtime: Runtime) -> FastAPI:
    """Make the application that answers programs."""
    door = FastAPI(title="Holdfast", openapi_url=f"{errors.PREFIX}/openapi.json", docs_url=None, redoc_url=None)
    door.state.runtime = runtime
    door.include_router(apis.router)
    for part in (endpoint_certificates, certificate_content, rotation, removed_certificates):
        door.include_router(part.router)
    door.include_router(trust_settings.router)
    door.include_router(probing.router)
    door.include_router(client_certificates.router)
    door.include_router(failures.router)
    door.include_router(metrics.router)
    errors.install(door)
    return door
