"""
Which API is meant: by its id, or by what people call it.
"""

from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.errors import NotFound
from holdfast.store.catalog import apis
from holdfast.store.catalog.apis import ApiFilter
from holdfast.store.database import Store

# Whoever may do something with an API may say which one they mean.
_EITHER = (Permission.VIEW_APIS, Permission.CHANGE_APIS, Permission.PUBLISH_APIS)


def resolve_id(store: Store, who: Principal, text: str) -> str:
    """Give the id of the API that *text* means: an id, or provider-name-version. Raises NotFound."""
    who.require(*_EITHER)
    with store.read() as session:
        found = apis.get(session, who.organization, text)
        api_id = found.id if found else apis.id_of(session, who.organization, text)
    if api_id is None:
        raise NotFound("API", text)
    return api_id


def find_id(store: Store, who: Principal, name: str, version: str, provider: str = "") -> str:
    """Give the id of the API of this name and version, and of this provider when one is said. Raises NotFound."""
    who.require(*_EITHER)
    wanted = ApiFilter(name=name, version=version, provider=provider, exact=frozenset({"name", "version", "provider"}))
    with store.read() as session:
        found, _ = apis.find(session, who.organization, wanted, 0, 1) if name and version else ([], 0)
    if not found:
        raise NotFound("API", f"{name} {version}".strip())
    return found[0].id


def is_there(store: Store, who: Principal, wanted: ApiFilter) -> bool:
    """Say whether there is an API that fits."""
    who.require(Permission.VIEW_APIS, Permission.CHANGE_APIS)
    with store.read() as session:
        return bool(apis.find(session, who.organization, wanted, 0, 1)[1])
