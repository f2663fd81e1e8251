"""
Prototypes: APIs that gateways answer for themselves, with the examples of the definition.

WSO2's member `endpointImplementationType` decides: `MOCKED_OAS` instead of `ENDPOINT`.
"""

from collections.abc import Mapping
from typing import Any

from holdfast.apis.catalog.operation_list import check_operations
from holdfast.apis.definitions.mock_responses import (
    MAX_BODIES,
    MAX_BODY,
    MAX_MEMBERS,
    MockResponse,
    MocksTooLarge,
    list_mock_responses,
)
from holdfast.apis.definitions.openapi import Operation
from holdfast.apis.errors import InvalidField

MEMBER = "endpointImplementationType"
MOCKED, FORWARDED = "MOCKED_OAS", "ENDPOINT"
# Accepted because WSO2's own example of an API has INLINE, without effect: WSO2's gateway runs scripts to answer, ours
# runs none and forwards requests to the endpoints.
SCRIPTED = frozenset({"INLINE", "MARKDOWN"})


def is_mocked(members: Mapping[str, Any]) -> bool:
    """Return whether an API with these *members* is answered for from its definition."""
    return members.get(MEMBER) == MOCKED


def check_implementation(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raise InvalidField if the member is changed to what gateways can't do."""
    kind = after.get(MEMBER)
    if kind == before.get(MEMBER) or kind in {None, MOCKED, FORWARDED, *SCRIPTED}:
        return
    raise InvalidField(MEMBER, f"Use {FORWARDED} or {MOCKED}.")


def read_mocks(definition: Mapping[str, Any]) -> tuple[MockResponse, ...]:
    """
    Return the responses of an API with *definition*, which is valid.

    Raises InvalidField: they are too large, or a path can't be compared with requests.
    """
    try:
        mocks = list_mock_responses(definition)
    except MocksTooLarge as error:
        text = (
            f"The examples are too large, from {_write(error.operation)} on. One can have {MAX_BODY // 1024} KiB, "
            f"all together {MAX_BODIES // 1024} KiB, and their schemas {MAX_MEMBERS:,} members."
        )
        raise InvalidField(MEMBER, text) from error
    if not mocks:
        raise InvalidField(MEMBER, "The definition has no operations, so there is nothing to answer.")
    check_operations(mock.operation for mock in mocks)
    return mocks


def write_stored(mocks: tuple[MockResponse, ...]) -> list[list[Any]]:
    """Return *mocks* as JSON, for `read_stored`."""
    return [
        [mock.operation.target, mock.operation.verb, mock.status, mock.media_type, mock.body, mock.is_example]
        for mock in mocks
    ]


def read_stored(values: list[list[Any]]) -> tuple[MockResponse, ...]:
    """Read the result of `write_stored`."""
    return tuple(MockResponse(Operation(target, verb), *others) for target, verb, *others in values)


def _write(operation: Operation) -> str:
    return f"{operation.verb} {operation.target}"
