"""
Finds APIs by id or by name, version and provider.
"""

from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotFound
from holdfast.store.catalog import apis
from holdfast.store.catalog.apis import ApiFilter

# Anyone who can do something with an API can look it up.
_EITHER = (Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)


def resolve_id(context: Context, text: str) -> str:
    """Return the id of the API that *text* names: an id, or provider-name-version. Raises NotFound."""
    context.user.require(*_EITHER)
    with context.read() as session:
        api = apis.get(session, context.user.organization, text)
        api_id = api.id if api else apis.get_id(session, context.user.organization, text)
    if api_id is None:
        raise NotFound("API", text)
    return api_id


def find_id(context: Context, name: str, version: str, provider: str = "") -> str:
    """Return the id of the API with this name and version, and this provider if not empty. Raises NotFound."""
    context.user.require(*_EITHER)
    api_filter = ApiFilter(
        name=name, version=version, provider=provider, exact=frozenset({"name", "version", "provider"})
    )
    with context.read() as session:
        matches, _ = apis.find(session, context.user.organization, api_filter, 0, 1) if name and version else ([], 0)
    if not matches:
        raise NotFound("API", f"{name} {version}".strip())
    return matches[0].id


def is_there(context: Context, api_filter: ApiFilter) -> bool:
    """Return whether an API matches *api_filter*."""
    context.user.require(Permission.VIEW_APIS, Permission.CHANGE_APIS)
    with context.read() as session:
        return bool(apis.find(session, context.user.organization, api_filter, 0, 1)[1])
