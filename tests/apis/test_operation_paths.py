"""Which methods an API allows for a path."""

import re
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.catalog.operation_paths import TooManyOverlaps, list_path_classes, list_targets_by_method
from holdfast.apis.definitions.openapi import Operation
from holdfast.gateway.resources.operations import write_patterns

SEGMENTS = ["a", "b", "{x}", "{y}", "{x}.png", "a.png", "{x}a", ""]
templates = st.lists(st.sampled_from(SEGMENTS), max_size=2).map(lambda names: "/" + "/".join(names))
targets = st.tuples(templates, st.booleans()).map(lambda pair: pair[0].rstrip("/") + "/*" if pair[1] else pair[0])
operations = st.lists(st.builds(Operation, targets, st.sampled_from(["GET", "PUT", "POST", "DELETE"])), max_size=7)
VALUES = ["a", "b", "c", "a.png", "c.png", "ca", ""]
PATHS = ["", "/", *("/" + "/".join(names) for length in (1, 2) for names in product(VALUES, repeat=length))]


def matches(target: str, path: str) -> bool:
    pattern = write_patterns("", [Operation(target, "PUT")])["PUT"]
    return re.fullmatch(pattern, path) is not None


@cache
def match(target: str) -> frozenset[str]:
    return frozenset(path for path in PATHS if matches(target, path))


@given(operations)
def test_the_first_class_of_a_path_has_exactly_the_methods_whose_templates_match_it(api_operations: list[Operation]):
    classes = list_path_classes(tuple(api_operations))
    by_method = list_targets_by_method(api_operations).items()
    for path in PATHS:
        first = next(
            (one for one in classes if all(any(path in match(t) for t in group) for group in one.matching)), None
        )
        methods = {method for method, targets in by_method if any(path in match(target) for target in targets)}
        assert set(first.methods if first else ()) == methods


def test_literals_match_as_requests_have_them_and_parameters_match_within_a_segment():
    assert matches("/caf\u00e9 x/{id}", "/caf%c3%A9%20x/1?y=/z")
    assert matches("/%2f/a", "/%2F/a")
    assert not any(
        matches("/a/{id}", path) for path in ("/a/", "/a/1/", "/a/1/2", "/a/%2f", "/a/%5C", "/a/%252f", "/A/1")
    )


def test_paths_that_overlap_in_too_many_ways_are_refused():
    methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "LOCK", "COPY", "MOVE"]
    paths = ("/".join("x" if n == place else f"{{{n}}}" for n in range(8)) for place in range(8))
    operations = [Operation(f"/{path}", method) for path, method in zip(paths, methods, strict=True)]
    with pytest.raises(TooManyOverlaps):
        list_path_classes(tuple(operations))


def test_a_thousand_operations_are_classified_quickly():
    operations = tuple(Operation(f"/customers/{{id}}/orders{n}/items/{{item}}", "GET") for n in range(1000))
    assert len(list_path_classes(operations)) == 1
