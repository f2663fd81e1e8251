"""
`/settings`: what scripts ask about a publisher before they begin.
"""

from typing import Any

from fastapi import APIRouter

from holdfast.rest.access.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.services.access.permissions import Permission
from holdfast.services.access.scopes import SCOPES

router = APIRouter(prefix=f"{PREFIX}/settings", tags=["Settings"])


@router.get("")
def get_settings(runtime: CurrentRuntime, context: RequestContext) -> dict[str, Any]:
    """Name the environments of the gateways, and say of the rest that there is none."""
    context.user.require(Permission.VIEW_SETTINGS)
    return {
        "storeUrl": "",
        "environment": [
            {
                "name": name,
                "type": name,
                "serverUrl": url,
                "showInApiConsole": True,
                "endpoints": {"http": url} | ({"https": secure} if (secure := runtime.tls_gateways.get(name)) else {}),
            }
            for name, url in runtime.gateways.items()
        ],
        "scopes": list(SCOPES),
        "monetizationAttributes": [],
        "securityAuditProperties": {},
        "externalStoresEnabled": False,
        "docVisibilityEnabled": False,
        "crossTenantSubscriptionEnabled": False,
        "deployments": [],
    }
