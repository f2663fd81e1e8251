"""Responses of prototypes, made from definitions."""

import json

import pytest

from holdfast.apis.definitions.mock_responses import MAX_BODY, MocksTooLarge, list_mock_responses
from holdfast.apis.definitions.openapi import parse_definition


def mock(operation, version="3.0.3", **more):
    content = {"openapi": version, "info": {"title": "a", "version": "1"}, "paths": {"/pets": {"get": operation}}}
    (response,) = list_mock_responses(parse_definition(content | more).content)
    return response


def mock_media(media, media_type="application/json", **more):
    response = {"description": "", "content": {media_type: media}}
    return mock({"responses": {"200": response}}, **more)


def mock_schema(schema, **more):
    return json.loads(mock_media({"schema": schema}, **more).body)


@pytest.mark.parametrize(
    ("media", "value"),
    [
        ({"example": {"name": "Rex"}}, {"name": "Rex"}),
        ({"example": None}, None),
        ({"examples": {"one": {"value": [1]}, "two": {"value": [2]}}}, [1]),
        ({"examples": {"elsewhere": {"externalValue": "https://a.test"}, "here": {"value": 5}}}, 5),
        ({"schema": {"type": "object", "example": {"a": 1}}}, {"a": 1}),
        ({"schema": {"type": "object", "properties": {"a": {"type": "string", "example": "b"}}}}, {"a": "b"}),
        ({"schema": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}}}, ["x"]),
        ({"schema": {"allOf": [{"example": {"a": 1}}, {"example": {"b": 2}}]}}, {"a": 1, "b": 2}),
        ({"schema": {"oneOf": [{"type": "string", "default": "first"}, {"type": "integer"}]}}, "first"),
    ],
)
def test_examples_of_the_definition_are_used(media, value):
    response = mock_media(media)
    assert (json.loads(response.body), response.is_example) == (value, True)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date-time"}, "2000-01-01T00:00:00Z"),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "boolean"}, True),
        ({"type": "array", "items": {"type": "number"}}, [0]),
        ({"type": "array", "items": {}}, []),
        ({"type": "object"}, {}),
        ({"properties": {"a": {"type": "integer"}, "b": {}}}, {"a": 0}),
    ],
)
def test_without_examples_values_follow_the_schema(schema, value):
    response = mock_media({"schema": schema})
    assert (json.loads(response.body), response.is_example) == (value, False)


def test_the_types_of_openapi_3_1_are_read():
    schema = {"type": ["null", "object"], "properties": {"a": {"const": 7}, "b": {"type": "null"}}}
    assert mock_schema(schema, version="3.1.0") == {"a": 7, "b": None}


def test_references_are_followed():
    components = {
        "schemas": {
            "Pet": {"properties": {"owner": {"$ref": "#/components/schemas/Owner~1x"}}},
            "Owner/x": {"example": 1},
        },
        "examples": {"Rex": {"value": "rex"}},
        "responses": {"Ok": {"description": "", "content": {"text/plain": {"example": "yes"}}}},
    }  # fmt: skip
    assert mock_schema({"$ref": "#/components/schemas/Pet"}, components=components) == {"owner": 1}
    rex = mock_media({"examples": {"one": {"$ref": "#/components/examples/Rex"}}}, components=components)
    assert json.loads(rex.body) == "rex"
    response = mock({"responses": {"200": {"$ref": "#/components/responses/Ok"}}}, components=components)
    assert (response.media_type, response.body) == ("text/plain", "yes")


def test_recursive_schemas_end():
    schemas = {"Node": {"properties": {name: {"$ref": "#/components/schemas/Node"} for name in "abcdefgh"}}}
    response = mock_media({"schema": {"$ref": "#/components/schemas/Node"}}, components={"schemas": schemas})
    assert len(response.body) < MAX_BODY


@pytest.mark.parametrize(
    ("responses", "status"),
    [
        (["404", "201", "200"], 200),
        (["default", "201"], 201),
        (["2XX"], 200),
        (["default", "404"], 200),
        (["404"], 200),
        ([], 200),
    ],
)
def test_the_status_says_that_all_went_well(responses, status):
    assert (
        mock(
            {"responses": {name: {"description": ""} for name in responses} or {"default": {"description": ""}}}
        ).status
        == status
    )


def test_an_example_of_an_error_is_not_used():
    response = {"description": "", "content": {"application/json": {"example": "not found"}}}
    assert mock({"responses": {"404": response}}).body == ""


@pytest.mark.parametrize("status", ["204", "205"])
def test_some_statuses_have_no_body(status):
    response = mock({"responses": {status: {"description": "", "content": {"text/plain": {"example": "a"}}}}})
    assert (response.status, response.body, response.media_type) == (int(status), "", "")


def test_json_is_preferred_and_other_types_keep_their_text():
    content = {"text/csv": {"example": "a,b"}, "application/problem+json": {"example": {}}}
    response = mock({"responses": {"200": {"description": "", "content": content}}})
    assert response.media_type == "application/problem+json"
    assert mock_media({"example": "a,b"}, "text/csv; charset=utf-8").body == "a,b"


@pytest.mark.parametrize("media_type", ["*/*", "text/plain\r\nset-cookie: a=b", "text/\u00e9", ""])
def test_names_that_are_not_media_types_are_sent_as_json(media_type):
    assert mock_media({"example": "a"}, media_type).media_type == "application/json"


def test_swagger_2_is_read():
    response = {"description": "", "schema": {"type": "string"}, "examples": {"application/json": {"a": 1}}}
    content = {
        "swagger": "2.0", "info": {"title": "a", "version": "1"}, "produces": ["application/json"],
        "paths": {
            "/a": {"get": {"responses": {"200": response}}},
            "/b": {"get": {"responses": {"200": {"description": "", "schema": {"type": "string"}}}}},
        },
    }  # fmt: skip
    first, second = list_mock_responses(parse_definition(content).content)
    assert (first.body, first.is_example) == ('{\n  "a": 1\n}', True)
    assert (second.body, second.media_type, second.is_example) == ('"string"', "application/json", False)


@pytest.mark.parametrize("example", ["a" * MAX_BODY, ["a"] * MAX_BODY])
def test_examples_have_a_limit(example):
    with pytest.raises(MocksTooLarge) as error:
        mock_media({"example": example})
    assert error.value.operation.target == "/pets"


def test_the_work_for_all_operations_has_a_limit():
    wide = {"type": "object", "properties": {f"p{number}": {} for number in range(20_000)}}
    response = {"200": {"description": "", "content": {"a/b": {"schema": {"$ref": "#/components/schemas/Wide"}}}}}
    paths = {f"/{number}": {"get": {"responses": response}} for number in range(100)}
    with pytest.raises(MocksTooLarge):
        mock({}, paths=paths, components={"schemas": {"Wide": wide}})


@pytest.mark.parametrize("keyword", ["type", "allOf", "oneOf", "properties", "items", "enum", "examples", "format"])
@pytest.mark.parametrize("value", [5, True, {}, {"a": 1}, [[]], [{}], [None]])
def test_schemas_that_make_no_sense_have_no_example(keyword, value):
    """OpenAPI 3.1 doesn't restrict them."""
    assert json.loads(mock_media({"schema": {keyword: value}}, version="3.1.0").body or "null") in (
        None,
        [],
        {},
        value,
        *(value if isinstance(value, list) else ()),
    )
