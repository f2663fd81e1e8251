"""
Entity tags and conditional requests (RFC 9110, sections 8.8.3 and 13), which prevent lost updates.
"""

import re
from typing import Annotated

from fastapi import Depends, Header, Response
from starlette.exceptions import HTTPException

from holdfast.apis.catalog.description import FullApi
from holdfast.rest.prefixes import is_v1
from holdfast.services.versions import Expected, make_api_tag

_TAG = re.compile(r'(W/)?"([^"]*)"')
_OF_V1 = "-v1"  # ends the tags of APIs as v1 represents them (RFC 9110, section 8.8.3)


def read_if_match(value: Annotated[str | None, Header(alias="If-Match")] = None) -> Expected:
    """
    Return the tags in If-Match, one of which must be the current one; None if there is no condition.

    The tag of one representation of an API is also valid for the others, because what is stored is the same.
    """
    if value is None or value.strip() == "*":
        return None
    return frozenset(tag.removesuffix(_OF_V1) for weak, tag in _TAG.findall(value) if not weak)


class KnownTags:
    """The tags in If-None-Match, whose content the client already has."""

    def __init__(self, response: Response, value: Annotated[str | None, Header(alias="If-None-Match")] = None) -> None:
        self._response = response
        self._tags = {tag for _, tag in _TAG.findall(value or "")}
        self._any = value is not None and value.strip() == "*"

    def send_tag(self, tag: str) -> None:
        """Send *tag* with the response, or respond 304 if the client already has it."""
        value = quote_tag(tag)
        if self._any or tag in self._tags:
            raise HTTPException(304, headers={"ETag": value})
        self._response.headers["ETag"] = value


def tag_api(full_api: FullApi) -> str:
    """Return the tag of an API's representation under the prefix of the current request."""
    tag = make_api_tag(full_api)
    return f"{tag}{_OF_V1}" if is_v1() else tag


def quote_tag(tag: str) -> str:
    """Return *tag* as the value of an ETag header."""
    return f'"{tag}"'


IfMatch = Annotated[Expected, Depends(read_if_match)]
IfNoneMatch = Annotated[KnownTags, Depends(KnownTags)]
