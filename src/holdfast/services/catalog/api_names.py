"""
Which API is meant: by its id, or by what people call it.
"""

from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotFound
from holdfast.store.catalog import apis
from holdfast.store.catalog.apis import ApiFilter

# Whoever may do something with an API may say which one they mean.
_EITHER = (Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)


def resolve_id(context: Context, text: str) -> str:
    """Give the id of the API that *text* means: an id, or provider-name-version. Raises NotFound."""
    context.user.require(*_EITHER)
    with context.read() as session:
        api = apis.get(session, context.user.organization, text)
        api_id = api.id if api else apis.id_of(session, context.user.organization, text)
    if api_id is None:
        raise NotFound("API", text)
    return api_id


def find_id(context: Context, name: str, version: str, provider: str = "") -> str:
    """Give the id of the API of this name and version, and of this provider when one is said. Raises NotFound."""
    context.user.require(*_EITHER)
    wanted = ApiFilter(name=name, version=version, provider=provider, exact=frozenset({"name", "version", "provider"}))
    with context.read() as session:
        matches, _ = apis.find(session, context.user.organization, wanted, 0, 1) if name and version else ([], 0)
    if not matches:
        raise NotFound("API", f"{name} {version}".strip())
    return matches[0].id


def is_there(context: Context, wanted: ApiFilter) -> bool:
    """Say whether there is an API that fits."""
    context.user.require(Permission.VIEW_APIS, Permission.CHANGE_APIS)
    with context.read() as session:
        return bool(apis.find(session, context.user.organization, wanted, 0, 1)[1])
