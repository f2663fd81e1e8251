"""
`/settings`: settings of the publisher that WSO2's clients read first.
"""

from holdfast.apis.gateways.group import Group
from holdfast.apis.url import parse_url
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.catalog import responses
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.access.scopes import SCOPES
from holdfast.services.gateways.groups import list_groups
from holdfast.services.runtime import Runtime

router = Router(prefix=f"{PREFIX}/settings", tags=["Settings"])


@router.get("")
def get_settings(runtime: CurrentRuntime, context: RequestContext) -> responses.Settings:
    """
    Get the publisher's settings.

    Returns the gateway environments, which are the groups of gateways, and the scopes of tokens. WSO2's other settings
    are empty or false.
    """
    return {
        "storeUrl": "",
        "environment": [_describe(runtime, group) for group in list_groups(context)],
        "scopes": list(SCOPES),
        "monetizationAttributes": [],
        "securityAuditProperties": {},
        "externalStoresEnabled": False,
        "docVisibilityEnabled": False,
        "crossTenantSubscriptionEnabled": False,
        "deployments": [],
    }


@router.get("/gateway-environments")
def list_gateway_environments(runtime: CurrentRuntime, context: RequestContext) -> responses.Environments:
    """
    List gateway environments.

    Returns the same as `/settings`: the groups of gateways that an API can be deployed to.
    """
    environments = [_describe(runtime, group) for group in list_groups(context)]
    return {"count": len(environments), "list": environments}


def _describe(runtime: Runtime, group: Group) -> responses.Environment:
    urls = runtime.list_urls(group)
    plain, secure = urls.get("production", ""), urls.get("productionTls", "")
    return {
        "id": group.name,
        "name": group.name,
        "displayName": group.title,
        "type": "hybrid",
        "provider": "holdfast",
        "serverUrl": plain or secure,
        "showInApiConsole": True,
        "endpoints": _write_endpoints(plain, secure),
        "sandboxEndpoints": _write_endpoints(urls.get("sandbox", ""), urls.get("sandboxTls", "")),
        "vhosts": _list_hosts(plain, secure),
    }


def _write_endpoints(plain: str, secure: str) -> responses.EnvironmentUrls:
    urls: responses.EnvironmentUrls = {}
    if plain:
        urls["http"] = plain
    if secure:
        urls["https"] = secure
    return urls


def _list_hosts(plain: str, secure: str) -> list[responses.VirtualHost]:
    """Describe where production is called: one host, or two if http and https have different ones."""
    hosts: dict[str, responses.VirtualHost] = {}
    for text, port in ((plain, "httpPort"), (secure, "httpsPort")):
        if text:
            url = parse_url(text)
            host = hosts.setdefault(url.host, {"host": url.host, "httpContext": url.path.strip("/")})
            host[port] = url.port  # type: ignore[literal-required]
    return list(hosts.values())
