"""Rules for names, contexts, versions and descriptions of APIs."""

import pytest

from holdfast.apis.catalog.api import (
    MAX_CONTEXT,
    MAX_DESCRIPTION,
    check_context,
    check_description,
    check_name,
    check_version,
)
from holdfast.apis.errors import InvalidField
from store.values import make_api

TOO_LONG = "/" + "a" * (MAX_CONTEXT + 1)
FORBIDDEN_BY_WSO2 = "~!@#;:%^*()+={}|\\<>\"',&$[]/"


@pytest.mark.parametrize("name", ["Pizza", "Pizza Shack 2", "Äpfel", "比萨", "a", "x" * 60])
def test_names_are_words_in_any_language(name):
    assert check_name(f" {name} ") == name


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 61, "a\nb", "a\x00b", "a\ud800b", *(f"a{c}b" for c in FORBIDDEN_BY_WSO2)]
)
def test_names_that_wso2_refuses_are_refused(name):
    with pytest.raises(InvalidField) as refusal:
        check_name(name)
    assert refusal.value.field == "name"


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("pizza", "/pizza"),
        ("/pizza", "/pizza"),
        ("/pizza/", "/pizza"),
        (" /shop/pizza ", "/shop/pizza"),
        ("/v1.2_~-x", "/v1.2_~-x"),
        ("/-a", "/-a"),
        ("/team", "/team"),
        ("/x" * (MAX_CONTEXT // 2), "/x" * (MAX_CONTEXT // 2)),
        ("/shop/t/pizza", "/shop/t/pizza"),
    ],
)
def test_a_context_is_a_path_with_a_leading_slash(text, context):
    assert check_context(text) == context


@pytest.mark.parametrize(
    "context",
    [
        "",
        "/",
        " ",
        "/a//b",
        "/a/../b",
        "/.",
        "/.hidden",
        "/a b",
        "/a?b",
        "/a%20b",
        "/ü",
        "/{version}",
        "/a\nb",
        "/<b>",
        TOO_LONG,
    ],
)
def test_a_context_that_is_not_a_plain_path_is_refused(context):
    with pytest.raises(InvalidField) as refusal:
        check_context(context)
    assert refusal.value.field == "context"


@pytest.mark.parametrize("context", ["/t", "t/", "/t/other", "/t/other/pizza", "//t/x"])
def test_a_context_below_the_prefix_of_organizations_is_refused(context):
    with pytest.raises(InvalidField, match="can't begin with /t/"):
        check_context(context)


def test_only_the_default_organization_is_served_without_a_prefix():
    assert make_api(context="/pizza", version="1.0.0").path == "/pizza/1.0.0"
    assert make_api(context="/pizza", version="1.0.0", organization="acme").path == "/t/acme/pizza/1.0.0"


@pytest.mark.parametrize("version", ["1.0.0", "v2", "2026-06-01", "1_0", "x" * 30])
def test_a_version_is_one_plain_word(version):
    assert check_version(f" {version} ") == version


@pytest.mark.parametrize(
    "version", ["", ".", "..", ".1", "-1", "_1", "1/0", "1 0", "1;0", "ü", "x" * 31, "<1>", "1\x00"]
)
def test_a_version_that_is_not_a_path_segment_is_refused(version):
    with pytest.raises(InvalidField) as refusal:
        check_version(version)
    assert refusal.value.field == "version"


def test_a_description_may_have_any_text_up_to_the_limit():
    assert check_description(" <b>'; DROP TABLE api; --\n") == "<b>'; DROP TABLE api; --"
    for no_text in ("x" * (MAX_DESCRIPTION + 1), "a\x00b", "a\ud800b"):
        with pytest.raises(InvalidField) as refusal:
            check_description(no_text)
        assert refusal.value.field == "description"


def test_an_api_names_each_of_its_endpoints_once():
    api = make_api(production="https://a.test", sandbox="https://b.test")
    assert [str(endpoint.origin) for endpoint in api.endpoints] == ["https://a.test", "https://b.test"]
    assert len(make_api(production="https://a.test", sandbox="https://a.test").endpoints) == 1
    assert make_api(production=None).endpoints == ()
