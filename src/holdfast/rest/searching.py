"""
`/search`: APIs by any of their words.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from holdfast.apis.description import found
from holdfast.rest.authentication import Caller, Running
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, pagination
from holdfast.rest.queries import read_search
from holdfast.services import catalog

router = APIRouter(prefix=f"{PREFIX}/search", tags=["Unified Search"])


@router.get("")
def search(
    running: Running,
    caller: Caller,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    query: Annotated[str, Query(description="Words of an API, or name:, context:, version: and so on.")] = "",
) -> dict[str, Any]:
    """Find APIs by words of their name, context, version, state, provider or description."""
    apis, total = catalog.list_apis(running.store, caller, read_search(query), offset, limit)
    types = catalog.types_of(running.store, caller, apis)
    return {
        "count": len(apis),
        "list": [found(api, types.get(api.id)) for api in apis],
        "pagination": pagination(router.prefix, {"query": query}, offset, limit, total),
    }
