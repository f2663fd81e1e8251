"""
Searches as WSO2's publisher writes them.
"""

import re
from dataclasses import replace

from holdfast.store.catalog.apis import ApiFilter

_MODIFIER = re.compile(r'(?<!\S)(name|context|version|status|provider|description):(?:"([^"]*)"|(\S*))', re.IGNORECASE)


def read_query(query: str) -> ApiFilter:
    """
    Read a search: modifiers like `context:`, the rest is part of the name.

    What stands in quotes after a modifier must be all of the value, not a part.
    """
    found = list(_MODIFIER.finditer(query))
    plain = " ".join(_MODIFIER.sub(" ", query).split())
    wanted = {"name": plain} | {each[1].lower(): each[2] or each[3] or "" for each in found}
    return ApiFilter(**wanted, exact=frozenset(each[1].lower() for each in found if each[2]))


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
