"""
`/gateways`: how far changes have come at the gateways.
"""

from typing import Annotated

from fastapi import APIRouter, Query

from holdfast.rest.access.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.publishing.responses import RouteEnforcement
from holdfast.rest.shapes import write_enforcement
from holdfast.services.publishing.routing import enforcement_of

router = APIRouter(prefix=f"{PREFIX}/gateways", tags=["Gateways"])


@router.get("/enforcement")
def get_enforcement(
    runtime: CurrentRuntime, context: RequestContext, path: Annotated[str, Query(alias="context")], version: str
) -> RouteEnforcement:
    """Say whether gateways serve the API at a context as it is now; or no longer, if it is deleted or retired."""
    enforcement = enforcement_of(context, runtime.enforcements, path, version)
    return {"context": path, "version": version, "enforcement": write_enforcement(enforcement)}
