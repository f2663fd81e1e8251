"""
`/search`: APIs by any of their words.
"""

from typing import Annotated

from fastapi import APIRouter, Query

from holdfast.rest.access.authentication import RequestContext
from holdfast.rest.catalog.description import to_search_result
from holdfast.rest.catalog.queries import read_search
from holdfast.rest.catalog.responses import SearchResults
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, pagination
from holdfast.services.catalog import apis

router = APIRouter(prefix=f"{PREFIX}/search", tags=["Unified Search"])


@router.get("")
def search(
    context: RequestContext,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    query: Annotated[str, Query(description="Words of an API, or name:, context:, version: and so on.")] = "",
) -> SearchResults:
    """Find APIs by words of their name, context, version, state, provider or description."""
    page, total = apis.list_apis(context, read_search(query), offset, limit)
    types = apis.types_of(context, page)
    return {
        "count": len(page),
        "list": [to_search_result(api, types.get(api.id)) for api in page],
        "pagination": pagination(router.prefix, {"query": query}, offset, limit, total),
    }
