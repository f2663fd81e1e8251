"""
Limits an API's routes to the operations that it lists, if it asks for that; other requests get 404 or 405.

A request must match the regular expression of its method, which has the paths of all its operations: one expression
takes time in proportion to the request's path, however many there are, while Envoy's matcher of templates
(`uri_template`) needs a route for each.
"""

import re
from collections.abc import Iterable

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.route.v3.route_components_pb2 import DirectResponseAction, HeaderMatcher, Route, RouteMatch
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from holdfast.apis.catalog.operation_paths import PARAMETER, WILDCARD, list_path_classes, list_targets_by_method
from holdfast.apis.definitions.openapi import Operation

NOT_LISTED, METHOD_NOT_LISTED = 404, 405
# Backends could take the method from these instead; CGI and its successors treat underscores like hyphens.
OVERRIDES = tuple(
    name.replace("-", separator)
    for name in ("x-http-method-override", "x-http-method", "x-method-override")
    for separator in "-_"
)
# A segment or a part of one. An encoded slash, backslash or percent sign can't be part of a parameter: a backend that
# decodes the path before it chooses an operation would see another path.
_VALUE = "(?:[^/?%]|%(?:[013467-9A-Fa-f][0-9A-Fa-f]|2[0-46-9A-Ea-e]|5[0-9ABabD-Fd-f]))+"
_PLAIN = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/-]")
_ESCAPE = re.compile("(%[0-9A-Fa-f]{2})")


def write_patterns(public_path: str, operations: Iterable[Operation]) -> dict[str, str]:
    """Return a pattern for each method, which `:path` must match entirely."""
    targets = list_targets_by_method(operations)
    return {method: _write_pattern(public_path, targets[method]) for method in sorted(targets)}


def match_operation(method: str, pattern: str) -> list[HeaderMatcher]:
    """Return the conditions for a request with *method* whose path matches *pattern*."""
    return [HeaderMatcher(name=":method", string_match=StringMatcher(exact=method)), _match(pattern)]


def build_operation_refusals(name: str, public_path: str, operations: tuple[Operation, ...]) -> list[Route]:
    """Build the routes for requests that aren't *operations*: 405 with `Allow` (RFC 9110, section 15.5.6), or 404."""
    other_methods = [
        Route(
            name=name,
            match=RouteMatch(
                prefix=public_path,
                headers=[_match(_write_pattern(public_path, group)) for group in path_class.matching],
            ),
            direct_response=DirectResponseAction(status=METHOD_NOT_LISTED),
            response_headers_to_add=[
                HeaderValueOption(header=HeaderValue(key="allow", value=", ".join(path_class.methods)))
            ],
        )
        for path_class in list_path_classes(operations)
    ]
    others = RouteMatch(path_separated_prefix=public_path)
    return [*other_methods, Route(name=name, match=others, direct_response=DirectResponseAction(status=NOT_LISTED))]


def _match(pattern: str) -> HeaderMatcher:
    return HeaderMatcher(name=":path", string_match=StringMatcher(safe_regex=RegexMatcher(regex=pattern)))


def _write_pattern(public_path: str, targets: Iterable[str]) -> str:
    return f"{_write_literal(public_path)}(?:{'|'.join(map(_write_template, sorted(targets)))})(?:[?].*)?"


def _write_template(target: str) -> str:
    """Return a pattern for the paths that the template *target* stands for."""
    if target == "/":
        return "/?"
    pattern = _VALUE.join(map(_write_literal, PARAMETER.split(target.removesuffix(WILDCARD))))
    return f"{pattern}(?:/[^?]*)?" if target.endswith(WILDCARD) else pattern


def _write_literal(text: str) -> str:
    """Return a pattern for *text* as requests have it: percent-encoded, unless a path can contain the character."""
    return "".join(map(_match_encoded_or_plain, _ESCAPE.split(text)))


def _match_encoded_or_plain(text: str) -> str:
    if _ESCAPE.fullmatch(text):
        return "%" + "".join(f"[{digit.upper()}{digit.lower()}]" for digit in text[1:])
    return "".join(
        re.escape(character)
        if _PLAIN.fullmatch(character)
        else "".join(_match_encoded_or_plain(f"%{byte:02X}") for byte in character.encode())
        for character in text
    )
