"""
`/gateways`: how far changes have come at the gateways.
"""

from typing import Any

from fastapi import APIRouter

from holdfast.rest.access.authentication import Caller, CurrentRuntime
from holdfast.rest.enforcement import write_enforcement
from holdfast.rest.errors import PREFIX
from holdfast.services.publishing.routing import enforcement_of

router = APIRouter(prefix=f"{PREFIX}/gateways", tags=["Gateways"])


@router.get("/enforcement")
def get_enforcement(runtime: CurrentRuntime, caller: Caller, context: str, version: str) -> dict[str, Any]:
    """Say whether gateways serve the API at a context as it is now; or no longer, if it is deleted or retired."""
    found = enforcement_of(runtime.store, runtime.enforcements, caller, context, version)
    return {"context": context, "version": version, "enforcement": write_enforcement(found)}
