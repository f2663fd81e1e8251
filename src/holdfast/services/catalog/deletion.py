"""
The end of an API, and what it leaves behind.
"""

from datetime import datetime

from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.catalog.apis import find_described, record
from holdfast.services.catalog.endpoints import written_urls
from holdfast.services.trust.unused_trust import LeftBehind, origins_of, settle
from holdfast.services.versions import Expected, check_expected, tag_of_api
from holdfast.store.catalog import apis
from holdfast.store.database import Store


def delete_api(
    store: Store,
    who: Principal,
    api_id: str,
    now: datetime,
    expected: Expected = None,
    *,
    delete_unused: bool = False,
) -> LeftBehind:
    """
    Delete an API, and say which trust no API uses any more because of it.

    That stays in force, for it belongs to the endpoint, unless *delete_unused*. Raises NotFound, ContentChanged.
    """
    who.require(Permission.DELETE_APIS)
    with store.write() as session:
        found = find_described(session, who, api_id)
        check_expected(expected, tag_of_api(found))
        apis.remove(session, found.api)
        record(session, who, "delete API", found.api, f"endpoints {written_urls(found.api)}", now)
        return settle(session, who, origins_of(found.api), now, delete=delete_unused)
