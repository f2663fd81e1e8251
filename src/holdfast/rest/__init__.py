"""
The JSON door: the paths, fields and status codes of WSO2's publisher REST API, with more fields added.
"""

from fastapi import FastAPI

from holdfast.rest import apis, endpoint_certificates, errors


def install(app: FastAPI) -> None:
    """Put this door into *app*."""
    app.include_router(apis.router)
    app.include_router(endpoint_certificates.router)
    errors.install(app)
