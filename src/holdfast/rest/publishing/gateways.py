"""
`/gateways`: the progress of changes at the gateways.
"""

from typing import Annotated

from fastapi import Query

from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.publishing.responses import RouteEnforcement
from holdfast.rest.router import Router
from holdfast.rest.shapes import write_enforcement
from holdfast.services.publishing.routing import find_enforcement

router = Router(prefix=f"{PREFIX}/gateways", tags=["Gateways"])


@router.get("/enforcement")
def get_enforcement(
    runtime: CurrentRuntime,
    context: RequestContext,
    path: Annotated[str, Query(alias="context", description="The API's context, such as `/pizza`.")],
    version: Annotated[str, Query(description="The API's version.")],
) -> RouteEnforcement:
    """
    Get the enforcement of an API.

    Returns whether the gateways serve the API in its current state. For an API that was deleted or retired, returns
    whether they have stopped serving it.
    """
    enforcement = find_enforcement(context, runtime.enforcements, path, version)
    return {"context": path, "version": version, "enforcement": write_enforcement(enforcement)}
