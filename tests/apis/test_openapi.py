"""API definitions: contents and errors."""

import json
from contextlib import suppress
from time import process_time

import pytest
import yaml

from holdfast.apis.definitions.definition_errors import MAX_ERRORS
from holdfast.apis.definitions.openapi import (
    Operation,
    make_definition,
    parse_definition,
    read_definition,
)
from holdfast.apis.definitions.servers import MAX_URL
from holdfast.apis.errors import InvalidDefinition

OK = {"200": {"description": "OK"}}
THREE = {
    "openapi": "3.0.3",
    "info": {"title": "Pizza", "version": "1.0.0", "description": "Thin"},
    "servers": [
        {"url": "https://{host}/v1", "variables": {"host": {"default": "pizza.test"}}},
        {"url": "/relative"},
        {"url": "http://second.test"},
    ],
    "paths": {"/order/{id}": {"post": {"responses": OK}, "get": {"responses": OK}, "summary": "Orders"}, "x-note": 1},
}
TWO = {
    "swagger": "2.0",
    "info": {"title": "Pizza", "version": "1"},
    "host": "pizza.test:8443",
    "basePath": "/base/",
    "schemes": ["https", "http"],
    "paths": {"/menu": {"get": {"responses": OK}}},
}


def read(value):
    return read_definition(json.dumps(value).encode())


@pytest.mark.parametrize("version", ["3.0.0", "3.0.3", "3.1.0", "3.1.1", "3.2.0"])
def test_openapi_3_is_read(version):
    definition = read(THREE | {"openapi": version})
    assert (definition.openapi, definition.name, definition.version) == (version, "Pizza", "1.0.0")
    assert definition.description == "Thin"
    assert definition.servers.production == ("https://pizza.test/v1", "http://second.test")
    assert definition.operations == (Operation("/order/{id}", "GET"), Operation("/order/{id}", "POST"))
    assert definition.context == ""


def test_swagger_2_is_read():
    definition = read(TWO)
    assert (definition.openapi, definition.context) == ("2.0", "/base")
    assert definition.servers.production == ("https://pizza.test:8443/base/", "http://pizza.test:8443/base/")
    assert definition.operations == (Operation("/menu", "GET"),)


def test_yaml_says_the_same_as_json():
    text = yaml.safe_dump(TWO).replace("'2.0'", "2.0").replace("'200'", "200")
    assert "swagger: 2.0" in text
    assert read_definition(text.encode()) == read(TWO)


def test_the_path_that_wso2_writes_is_the_context():
    assert read(THREE | {"x-wso2-basePath": "/pizza/1.0.0"}).context == "/pizza"
    assert read(THREE | {"x-wso2-basePath": 5}).context == ""


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, "neither 'openapi' nor 'swagger'"),
        ([], "neither 'openapi' nor 'swagger'"),
        ("text", "neither 'openapi' nor 'swagger'"),
        ({"openapi": "4.0.0"}, "OpenAPI 4.0.0 isn't supported"),
        (
            {"openapi": 3},
            "OpenAPI 3 isn't supported. Use Swagger 2.0 or OpenAPI 3.0, 3.1 or 3.2, for example 3.0.3.",
        ),
        ({"openapi": "3.3.0"}, "OpenAPI 3.3.0 isn't supported"),
        ({"openapi": 3.01}, "OpenAPI 3.01 isn't supported"),
        ({"swagger": "1.2"}, "Swagger 1.2 isn't supported"),
        ({"openapi": "3.0.x"}, "openapi: '3.0.x' isn't a version. Use Swagger 2.0 or OpenAPI 3.0, 3.1 or 3.2"),
        ({"openapi": "3.1."}, "openapi: '3.1.' isn't a version."),
        ({"openapi": {"a": 1}}, "openapi: this isn't a version."),
        (THREE | {"paths": {"a": {}}}, "paths: 'a' doesn't begin with a slash."),
        (THREE | {"info": {"title": "Pizza"}}, "info: 'version' is missing."),
        (THREE | {"paths": {"/a": {"get": {}}}}, "paths//a/get: 'responses' is missing."),
        (THREE | {"paths": []}, "paths: "),
        (THREE | {"info": {"title": 5, "version": "1"}}, "info/title: "),
        (
            THREE | {"paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/components/responses/x"}}}}}},
            "is referenced but missing",
        ),
        (TWO | {"paths": {"/a": {"get": {"responses": {}}}}}, "responses"),
    ],
)
def test_violations_of_the_specification_are_reported(value, says):
    with pytest.raises(InvalidDefinition) as refusal:
        read(value)
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "version"),
    [("openapi: 3.0", "3.0.0"), ("openapi: '3.0'", "3.0.0"), ("openapi: 3.1", "3.1.0"), ("openapi: 3.2", "3.2.0")],
)
def test_a_missing_third_version_number_is_zero(text, version):
    definition = read_definition(f"{text}\ninfo: {{title: Pizza, version: '1'}}\npaths: {{}}".encode())
    assert (definition.openapi, definition.content["openapi"]) == (version, version)


def make_parameter(**parameter):
    return {"paths": {"/a": {"get": {"responses": OK, "parameters": [parameter]}}}}


def make_scheme(**scheme):
    return {"components": {"securitySchemes": {"k": scheme}}}


PARAMETER, SCHEME = "paths//a/get/parameters/0", "components/securitySchemes/k"
STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("specification", "wrong", "problems"),
    [
        (THREE, make_parameter(name="x", **{"in": "query"}), [f"{PARAMETER}: 'schema' or 'content' is missing."]),
        (THREE, make_parameter(name="x", schema=STRING), [f"{PARAMETER}: 'in' is missing."]),
        (THREE, make_parameter(schema=STRING, **{"in": "query"}), [f"{PARAMETER}: 'name' is missing."]),
        (
            THREE,
            make_parameter(name="x", schema=STRING, **{"in": "body"}),
            [f"{PARAMETER}/in: 'body' isn't one of path, query, header, cookie."],
        ),
        (
            THREE,
            make_parameter(name="x", schema={"type": "txt"}, **{"in": "query"}),
            [f"{PARAMETER}/schema/type: 'txt' isn't one of array, boolean, integer, number, object, string."],
        ),
        (
            THREE,
            {"paths": {"/a": {"get": {"responses": {"200": {}}}}}},
            ["paths//a/get/responses/200: 'description' is missing."],
        ),
        (
            THREE,
            {"paths": {"/a": {"get": {"responses": OK, "requestBody": {}}}}},
            ["paths//a/get/requestBody: 'content' is missing."],
        ),
        (THREE, make_scheme(type="apiKey", name="x"), [f"{SCHEME}: 'in' is missing."]),
        (THREE, make_scheme(type="http"), [f"{SCHEME}: 'scheme' is missing."]),
        (THREE, make_scheme(), [f"{SCHEME}: 'type' is missing."]),
        (THREE, make_scheme(type="htp"), [f"{SCHEME}/type: 'htp' isn't one of apiKey, http, oauth2, openIdConnect."]),
        (
            THREE,
            make_scheme(type="oauth2", flows={"implicit": {}}),
            [f"{SCHEME}/flows/implicit: '{name}' is missing." for name in ("authorizationUrl", "scopes")],
        ),
        (TWO, make_parameter(name="x", **{"in": "query"}), [f"{PARAMETER}: 'type' is missing."]),
        (
            TWO,
            {"paths": {"/a": {"get": {"responses": {"200": {}}}}}},
            ["paths//a/get/responses/200: 'description' is missing."],
        ),
        (
            THREE | {"openapi": "3.1.0"},
            make_scheme(type="apiKey", name="x"),
            [f"{SCHEME}: 'in' is missing."],
        ),
        (THREE, {"info": {"title": "Pizza", "version": 1.0}}, ["info/version: 1.0 isn't text. Put it in quotes."]),
    ],
)
def test_the_error_of_the_intended_form_is_explained(specification, wrong, problems):
    with pytest.raises(InvalidDefinition) as refusal:
        read(specification | wrong)
    assert refusal.value.problems == problems


def test_alternative_sections_are_listed_if_all_are_missing():
    with pytest.raises(InvalidDefinition, match="The definition: 'paths', 'components' or 'webhooks' is missing"):
        read({"openapi": "3.1.0", "info": {"title": "Pizza", "version": "1"}})


def test_new_parts_of_openapi_3_2_are_read():
    media = {"application/jsonl": {"itemSchema": {"type": "object"}}}
    operation = {"responses": {"200": {"summary": "OK", "content": media}}}
    value = {
        "openapi": "3.2.0",
        "$self": "https://pizza.test/openapi.json",
        "info": {"title": "Pizza", "version": "1"},
        "servers": [{"url": "https://pizza.test", "name": "production"}],
        "tags": [{"name": "a", "summary": "A", "kind": "nav"}],
        "paths": {"/order": {"query": operation, "additionalOperations": {"COPY": operation}}},
    }
    assert read(value).operations == (Operation("/order", "QUERY"), Operation("/order", "COPY"))
    with pytest.raises(InvalidDefinition, match="'query' was unexpected"):
        read(THREE | {"openapi": "3.1.0", "paths": {"/order": {"query": {"responses": OK}}}})


def test_valid_references_are_followed():
    components = {"components": {"responses": {"a/b": {"description": "x"}}}}
    value = {"paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/components/responses/a~1b"}}}}}}
    assert read(THREE | value | components).operations == (Operation("/a", "GET"),)


def test_references_in_examples_are_ignored():
    content = {"application/json": {"example": {"$ref": "#/nowhere"}}}
    answer = {"200": {"description": "OK", "content": content}}
    assert read(THREE | {"paths": {"/a": {"get": {"responses": answer}}}}).operations


def test_the_number_and_length_of_errors_are_limited():
    value = THREE | {"paths": {f"/{number}": {"get": {}} for number in range(500)}}
    with pytest.raises(InvalidDefinition) as refusal:
        read(value)
    assert len(refusal.value.problems) == MAX_ERRORS


def test_the_definition_generated_for_an_api_is_valid():
    operations = [Operation("/order/{id}", "GET"), Operation("/*", "POST"), Operation("/x", "SUBSCRIBE")]
    content = make_definition("Pizza", "1", "Thin", operations, ["https://gateway.test/pizza/1"])
    definition = parse_definition(content)
    assert (definition.name, definition.version, definition.description) == ("Pizza", "1", "Thin")
    assert definition.servers.production == ("https://gateway.test/pizza/1",)
    assert definition.operations == (Operation("/order/{id}", "GET"), Operation("/*", "POST"))


def nest(depth):
    schema = {"type": 5}
    for level in range(depth):
        schema = {"items": schema} | ({"additionalProperties": schema} if level < 12 else {})
    return {"definitions": {"a": schema}}


def make_parameters(count):
    return {"paths": {"/ok": {"get": {"responses": OK}}, "/a": {"get": {"parameters": list(range(count))}}}}


@pytest.mark.long
@pytest.mark.parametrize(
    "specification",
    [TWO, THREE, THREE | {"openapi": "3.1.0"}, THREE | {"openapi": "3.2.0"}],
    ids=["2.0", "3.0", "3.1", "3.2"],
)
@pytest.mark.parametrize(
    "wrong",
    [
        lambda: {"paths": {f"/{number}": {"get": {}} for number in range(100_000)}},
        lambda: make_parameters(250_000),
        lambda: nest(45),
        lambda: {"definitions": {"a": {"type": [str(number) for number in range(150_000)]}}},
        lambda: {
            "components": {"schemas": {"a": {"enum": 5, "properties": {str(n): {"type": 5} for n in range(90_000)}}}}
        },
        lambda: {"tags": [{"name": 1}] * 150_000},
        lambda: {f"z{number}": 1 for number in range(150_000)},
        lambda: {"servers": [{"url": "{a}" * 100_000, "variables": {"a": {"default": "{a}" * 100_000}}}]},
        lambda: {
            "servers": [{"url": "{0}", "variables": {str(n): {"default": f"{{{n + 1}}}" * 2} for n in range(50_000)}}]
        },
    ],
    ids=["paths", "parameters", "nested", "types", "properties", "tags", "names", "long servers", "doubling servers"],
)
def test_no_definition_takes_long(specification, wrong):
    data = json.dumps(specification | wrong()).encode()
    start = process_time()
    with suppress(InvalidDefinition):
        assert all(len(address) <= MAX_URL for address in read_definition(data).servers.production)
    assert process_time() - start < 5  # measured: 0.7 s at most; before, minutes


def test_errors_in_a_large_definition_are_reported():
    paths = {f"/{number}": {"get": {"responses": OK}} for number in range(5_000)} | {
        "/a": {"get": {}},
        "/b": {"get": {}},
    }
    components = {"components": {"schemas": {f"s{number}": {"type": "string"} for number in range(5_000)}}}
    with pytest.raises(InvalidDefinition) as refusal:
        read(THREE | {"paths": paths} | components)
    assert refusal.value.problems == ["paths//a/get: 'responses' is missing."]


def test_the_position_of_an_error_in_a_large_member_is_reported():
    with pytest.raises(InvalidDefinition, match="paths//a: it violates the specification, and is too large"):
        read(THREE | make_parameters(5_000))
