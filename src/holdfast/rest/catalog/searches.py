"""
`/search`, and the search syntax of WSO2's publisher.
"""

import re
from dataclasses import replace
from typing import Annotated

from fastapi import Query

from holdfast.rest.authentication import RequestContext
from holdfast.rest.catalog.description import to_search_result
from holdfast.rest.catalog.responses import SearchResults
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.router import Router
from holdfast.services.catalog import apis
from holdfast.store.catalog.apis import ApiFilter

router = Router(prefix=f"{PREFIX}/search", tags=["Search"])
_FIELDS = "name|context|version|status|provider|description|label"
_MODIFIER = re.compile(rf'(?<!\S)({_FIELDS}):(?:"([^"]*)"|(\S*))', re.IGNORECASE)


@router.get("")
def search(
    context: RequestContext,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    query: Annotated[str, Query(description="Text in any field, or a field and its text, as for `GET /apis`.")] = "",
) -> SearchResults:
    """
    Search APIs.

    Finds APIs by text in their name, context, version, state, provider or description.
    """
    page, total = apis.list_apis(context, read_search(query), offset, limit)
    types = apis.list_types(context, page)
    return {
        "count": len(page),
        "list": [to_search_result(api, types.get(api.id)) for api in page],
        "pagination": paginate(router.prefix, {"query": query}, offset, limit, total),
    }


def read_query(query: str) -> ApiFilter:
    """
    Parse a search: text after modifiers such as `context:`, and the rest as part of the name.

    Text in quotes after a modifier must be the whole value.
    """
    modifiers = list(_MODIFIER.finditer(query))
    plain = " ".join(_MODIFIER.sub(" ", query).split())
    texts = {"name": plain} | {modifier[1].lower(): modifier[2] or modifier[3] or "" for modifier in modifiers}
    return ApiFilter(**texts, exact=frozenset(modifier[1].lower() for modifier in modifiers if modifier[2]))


def read_search(query: str) -> ApiFilter:
    """Parse a search whose text without a modifier may be in any field, not only in the name."""
    plain = " ".join(_MODIFIER.sub(" ", query).split())
    criteria = read_query(query)
    return replace(criteria, name="" if criteria.name == plain else criteria.name, anywhere=plain)


def read_question(query: str) -> ApiFilter:
    """Parse the query of `/apis/validate`: each text must be the whole value; without a modifier, the name."""
    criteria = read_query(query)
    context = criteria.context and f"/{criteria.context.strip('/')}"
    return replace(criteria, context=context, exact=frozenset({"name", "context", "version"}))
