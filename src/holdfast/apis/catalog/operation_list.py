"""
The operations that an API is limited to, if its member `onlyListedOperations` is true: paths and methods.

A path is a template in WSO2's notation: `{name}` is any text within one segment, and a final `/*` is that path and
everything below it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from holdfast.apis.catalog.operation_paths import PARAMETER, WILDCARD, TooManyOverlaps, list_path_classes
from holdfast.apis.definitions.openapi import Operation
from holdfast.apis.errors import InvalidField

SWITCH = "onlyListedOperations"
# A gateway compares a request with all paths of a method in one regular expression, and RE2 can't compile one that is
# too large (measured: with these limits, it always can). 1,000 operations take 8 MB of a gateway's memory.
MAX_OPERATIONS, MAX_TARGET = 1000, 512
MAX_SIZE, _SIZE_OF_PARAMETER = 150_000, 40
MAX_METHODS = 100  # all in the header Allow, which is part of a route
_METHOD = re.compile(r"[A-Z][A-Z0-9-]{0,29}")
_REST = frozenset({None, "", "HTTP", "SOAP", "SOAPTOREST"})


def read_operations(members: Mapping[str, Any]) -> tuple[Operation, ...] | None:
    """
    Return the operations that an API with these *members* is limited to, in order; None if it isn't limited.

    Raises:
        InvalidField: It is limited, and an operation can't be compared with requests, or there is none.
    """
    switch = members.get(SWITCH)
    if switch is not None and not isinstance(switch, bool):
        raise InvalidField(SWITCH, "Use true or false.")
    if not switch:
        return None
    if members.get("type") not in _REST:
        raise InvalidField(SWITCH, f"The operations of an API of type {members['type']} aren't paths and methods.")
    entries = members.get("operations") or []
    if not entries:
        raise InvalidField(
            "operations", f"Without operations, no request would be served. List some, or omit {SWITCH}."
        )
    if not isinstance(entries, list) or len(entries) > MAX_OPERATIONS:
        raise InvalidField("operations", f"With {SWITCH}, an API can have at most {MAX_OPERATIONS} operations.")
    return check_operations(_read_operation(operation) for operation in entries)


def check_operations(entries: Iterable[Operation]) -> tuple[Operation, ...]:
    """Return operations in order. Raises InvalidField: gateways can't compare requests with all of them."""
    operation_set = {Operation(_check_target(operation.target), operation.verb) for operation in entries}
    operations = tuple(sorted(operation_set, key=lambda operation: (operation.target, operation.verb)))
    if len(operations) > MAX_OPERATIONS:
        raise InvalidField("operations", f"An API like this can have at most {MAX_OPERATIONS} operations.")
    methods = {operation.verb for operation in operations}
    if unknown := next((method for method in sorted(methods) if not _METHOD.fullmatch(method)), None):
        raise InvalidField("operations", f"{unknown[:60]!r} isn't an HTTP method.")
    if len(methods) > MAX_METHODS:
        raise InvalidField("operations", f"An API like this can have at most {MAX_METHODS} different methods.")
    if sum(map(_measure_size, operations)) > MAX_SIZE:
        raise InvalidField("operations", "The paths of the operations are too long. Use fewer or shorter ones.")
    try:
        list_path_classes(operations)
    except TooManyOverlaps as error:
        text = "Too many paths match two operations neither of which is more specific, such as /{a}/b and /a/{b}."
        raise InvalidField("operations", text) from error
    return operations


def _measure_size(operation: Operation) -> int:
    return len(quote(operation.target)) + _SIZE_OF_PARAMETER * len(PARAMETER.findall(operation.target))


def _read_operation(value: Any) -> Operation:
    target, verb = (value.get("target"), value.get("verb")) if isinstance(value, dict) else (None, None)
    if not isinstance(target, str) or not isinstance(verb, str):
        raise InvalidField("operations", f"With {SWITCH}, each operation needs a target and a verb.")
    return Operation(target, verb.upper())


def _check_target(target: str) -> str:
    """Return the path of an operation, with a leading slash. Raises InvalidField."""
    path = target if target.startswith("/") else f"/{target}"
    rest = PARAMETER.sub("", path.removesuffix(WILDCARD))
    if len(path) > MAX_TARGET:
        raise InvalidField("operations", f"The path {path[:40]}... is longer than {MAX_TARGET} characters.")
    if set("{}*?#") & set(rest) or not path.isprintable():
        text = (
            f"The gateway can't compare requests with the path {path}. Use {{name}} for a part of a segment, and * only"
        )
        raise InvalidField("operations", f"{text} at the end, after a slash.")
    return path
