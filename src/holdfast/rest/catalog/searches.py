"""
`/search`: APIs by any of their words; and searches as WSO2's publisher writes them.
"""

import re
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query

from holdfast.rest.access.authentication import RequestContext
from holdfast.rest.catalog.description import to_search_result
from holdfast.rest.catalog.responses import SearchResults
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, pagination
from holdfast.services.catalog import apis
from holdfast.store.catalog.apis import ApiFilter

router = APIRouter(prefix=f"{PREFIX}/search", tags=["Unified Search"])
_MODIFIER = re.compile(r'(?<!\S)(name|context|version|status|provider|description):(?:"([^"]*)"|(\S*))', re.IGNORECASE)


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


def read_query(query: str) -> ApiFilter:
    """
    Read a search: modifiers like `context:`, the rest is part of the name.

    What stands in quotes after a modifier must be all of the value, not a part.
    """
    modifiers = list(_MODIFIER.finditer(query))
    plain = " ".join(_MODIFIER.sub(" ", query).split())
    wanted = {"name": plain} | {modifier[1].lower(): modifier[2] or modifier[3] or "" for modifier in modifiers}
    return ApiFilter(**wanted, exact=frozenset(modifier[1].lower() for modifier in modifiers if modifier[2]))


def read_search(query: str) -> ApiFilter:
    """Read a search whose words without a modifier may stand anywhere, not only in the name."""
    plain = " ".join(_MODIFIER.sub(" ", query).split())
    wanted = read_query(query)
    return replace(wanted, name="" if wanted.name == plain else wanted.name, anywhere=plain)


def read_question(query: str) -> ApiFilter:
    """Read a question whether an API is there: each value must be all of its field; without a modifier, the name."""
    wanted = read_query(query)
    context = wanted.context and f"/{wanted.context.strip('/')}"
    return replace(wanted, context=context, exact=frozenset({"name", "context", "version"}))
