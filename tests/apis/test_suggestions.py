"""Suggested values for new APIs are valid."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.catalog.api import MAX_CONTEXT, check_context, check_description, check_version
from holdfast.apis.catalog.suggestions import (
    number_context,
    suggest_context,
    suggest_description,
    suggest_version,
)

TEXTS = st.text() | st.text("/t.{}-~_ äß日\u202e", max_size=200)


@pytest.mark.parametrize(
    ("path", "name", "context"),
    [
        ("/pizza", "Menu", "/pizza"),
        ("/api/v2/", "Menu", "/api/v2"),
        ("/{tenant}/pizza:x", "Menu", "/tenant/pizza-x"),
        ("/", "Pizza & Pasta", "/pizza-pasta"),
        ("", "Müller/Söhne", "/muller-sohne"),
        ("", "比萨", "/api"),
        ("/../..", "a", "/a"),
        ("/t/other", "a", "/api/t/other"),
        ("/" + "a" * 200, "b", "/b"),
        ("/a/" + "b" * 200, "c", "/a"),
    ],
)
def test_the_context_comes_from_the_path_or_else_the_name(path, name, context):
    assert suggest_context(path, name) == context


@given(TEXTS, TEXTS)
def test_any_definition_gives_valid_suggestions(one, other):
    context = suggest_context(one, other)
    assert check_context(context) == context
    assert check_version(suggest_version(one))
    assert check_description(suggest_description(one)) is not None


@given(st.integers(1, MAX_CONTEXT))
def test_numbered_contexts_are_valid(length):
    contexts = list(islice(number_context("/" + "a" * length), 12))
    assert len(set(contexts)) == 12
    assert all(check_context(context) == context for context in contexts)


def test_a_long_description_is_cut_off():
    assert suggest_description("a" * 30_000) == "a" * 19_999 + "…"
    assert suggest_version("1.0.0 (beta)") == "1.0.0-beta"
    assert suggest_version("(") == "1.0"
