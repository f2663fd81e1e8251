"""
`/settings`: settings of the publisher that WSO2's clients read first.
"""

from holdfast.rest.access.authentication import CurrentRuntime, RequestContext
from holdfast.rest.catalog import responses
from holdfast.rest.errors import PREFIX
from holdfast.rest.router import Router
from holdfast.services.access.permissions import Permission
from holdfast.services.access.scopes import SCOPES

router = Router(prefix=f"{PREFIX}/settings", tags=["Settings"])


@router.get("")
def get_settings(runtime: CurrentRuntime, context: RequestContext) -> responses.Settings:
    """
    Get the publisher's settings.

    Returns the environments of the gateways and the scopes of tokens. WSO2's other settings are empty or false.
    """
    context.user.require(Permission.VIEW_SETTINGS)
    return {
        "storeUrl": "",
        "environment": [
            {
                "name": name,
                "type": name,
                "serverUrl": url,
                "showInApiConsole": True,
                "endpoints": _urls(url, runtime.tls_gateways.get(name)),
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


def _urls(plain: str, secure: str | None) -> responses.EnvironmentUrls:
    return {"http": plain, "https": secure} if secure else {"http": plain}
