"""
Answers are as publisher-v1.yaml describes them under v1, and as publisher-v4.yaml does under the other prefixes, for
every operation that both have; requests are written as there.
"""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from holdfast.apis.definitions.documents import read_document
from issuing import issue
from rest.calls import create_api

pytestmark = pytest.mark.long

V1 = "/api/am/publisher/v1"
PREFIXES = [
    "/api/am/publisher/v4",
    "/api/am/publisher/v3",
    "/api/am/publisher/v2",
    V1,
    "/api/am/publisher",
]


def describe(name):
    document = read_document((Path(__file__).parent / f"wso2/{name}.yaml").read_bytes())
    operations = document["operations"]
    # WSO2's description says 200, but WSO2 responds 201 with Location, and so does Holdfast.
    operations["post /endpoint-certificates"]["201"] = "CertMetadata"
    operations["post /apis/{apiId}/client-certificates"]["201"] = "ClientCertMetadata"
    # The description doesn't describe downloads.
    operations["get /endpoint-certificates/{alias}/content"]["200"] = "file"
    operations["get /apis/{apiId}/client-certificates/{alias}/content"]["200"] = "file"
    return document


DESCRIPTIONS = {prefix: describe("publisher-v1" if prefix == V1 else "publisher-v4") for prefix in PREFIXES}
DEFINITIONS = DESCRIPTIONS[V1]["definitions"]
ALWAYS = dict.fromkeys(["400", "401", "404", "412", "415"], "Error")
PEM = issue("pizza.test").pem
CREATED = {"post /apis", "post /apis/copy-api", "post /apis/import-openapi"}


def let_examples_be_true(schema):
    """Allow null where the description itself has it as an example; Swagger 2.0 cannot say it otherwise."""
    if isinstance(schema, dict):
        if schema.get("example", "") is None and isinstance(schema.get("type"), str):
            schema["type"] = [schema["type"], "null"]
        for part in schema.values():
            let_examples_be_true(part)


let_examples_be_true(DEFINITIONS)


def validate(prefix, name, value):
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "$ref": f"#/definitions/{name}"}
    jsonschema_rs.validate(schema | {"definitions": DESCRIPTIONS[prefix]["definitions"]}, value)


def example_api():
    """The body that the examples of the description make, member by member."""
    properties = DEFINITIONS["API"]["properties"]
    return {name: member["example"] for name, member in properties.items() if "example" in member}


@pytest.fixture(params=PREFIXES)
def ask(client, request):
    """Send what an operation of the description takes, and hold the answer against its definition."""
    prefix = request.param
    operations, definitions = DESCRIPTIONS[prefix]["operations"], DESCRIPTIONS[prefix]["definitions"]

    def ask(operation, expected=None, **options):
        method, path = operation.split()
        path = path.replace("{apiId}", options.pop("api", "")).replace("{alias}", options.pop("alias", "pizza-backend"))
        response = client.request(method, prefix + path, **options)
        answers = ALWAYS | operations[operation]
        assert str(response.status_code) in answers, f"{operation}: {response.status_code} {response.text}"
        assert expected is None or response.status_code == expected, response.text
        kind = answers[str(response.status_code)]
        if kind in definitions:
            validate(prefix, kind, response.json())
        elif kind is None:
            assert response.content == b""
        if response.status_code == 201 and operation in CREATED:
            assert response.headers["location"] == f"{prefix}/apis/{response.json()['id']}"
        return response

    ask.prefix = prefix  # type: ignore[attr-defined]
    return ask


def test_every_operation_responds_as_described(ask):
    api = ask("post /apis", 201, json=example_api()).json()
    of = {"api": api["id"]}
    ask("get /apis", 200, params={"limit": 1, "offset": 0, "query": "name:PizzaShackAPI version:1.0.0"})
    schema = "APIListExpanded" if ask.prefix == V1 else "API"
    page = ask("get /apis", 200, params={"expand": "true"}).json()
    for part in [page] if ask.prefix == V1 else page["list"]:
        validate(ask.prefix, schema, part)
    ask("get /apis/{apiId}", 200, **of)
    ask("get /apis/{apiId}", 404, api="0")
    ask("put /apis/{apiId}", 200, json=api, **of)
    ask("post /apis/copy-api", 201, params={"newVersion": "2.0", "defaultVersion": "false", "apiId": api["id"]})
    ask("post /apis/copy-api", 404, params={"newVersion": "2.0", "apiId": "0"})
    publish = {"apiId": api["id"], "action": "Publish"}
    checklist = "Deprecate old versions after publishing the API:true,Requires re-subscription:false"
    ask("post /apis/change-lifecycle", 200, params=publish | {"lifecycleChecklist": checklist})
    for action, status in (
        ("Block", 200),
        ("Block", 400),
        ("Re-Publish", 200),
        ("Deploy as a Prototype", 200),
        ("Publish", 200),
    ):
        ask("post /apis/change-lifecycle", status, params=publish | {"action": action})
    ask("get /apis/{apiId}/lifecycle-state", 200, **of)
    assert len(ask("get /apis/{apiId}/lifecycle-history", 200, **of).json()["list"]) == 6
    ask("delete /apis/{apiId}/lifecycle-state/pending-tasks", 200, **of)

    definition = ask("get /apis/{apiId}/swagger", 200, **of).text
    for parts in ({"apiDefinition": ("swagger.json", definition)}, {"apiDefinition": (None, definition)}):
        ask("put /apis/{apiId}/swagger", 200, files=parts, **of)
    other = definition.replace("PizzaShackAPI", "Imported")
    properties = {"name": "Imported", "version": "1", "context": "/imported", "endpointConfig": api["endpointConfig"]}
    parts = {"file": ("openapi.json", other), "additionalProperties": ("data.json", json.dumps(properties))}
    ask("post /apis/import-openapi", 201, files=parts)
    assert ask("post /apis/validate-openapi", 200, files={"file": ("a.json", other)}).json()["isValid"]
    assert not ask("post /apis/validate-openapi", 200, files={"file": ("a.json", "{}")}).json()["isValid"]
    ask("post /apis/validate", 200, params={"query": "name:Imported"})
    ask("post /apis/validate", 404, params={"query": "context:/nothing"})
    nowhere = {"endpointUrl": "https://127.0.0.1:1/pizzashack/v1/api/"}
    validation = ask("post /apis/validate-endpoint", 200, params=nowhere | {"apiId": api["id"]}).json()
    assert (validation["statusCode"], validation["error"].partition(":")[0]) == (0, "no_gateway")
    ask("post /apis/validate-endpoint", 404, params=nowhere | {"apiId": "0"})
    ask("post /apis/validate-endpoint", 400)
    ask("get /apis/export", 200, params={"apiId": api["id"], "format": "JSON", "preserveStatus": "true"})
    ask("get /apis/export", 200, params={"name": "PizzaShackAPI", "version": "1.0.0"})

    parts = {"certificate": ("a.crt", PEM), "alias": (None, "wso2carbon"), "tier": (None, "Gold")}
    response = ask("post /apis/{apiId}/client-certificates", 201, files=parts, **of)
    assert response.headers["location"] == f"{ask.prefix}/apis/{api['id']}/client-certificates/wso2carbon"
    assert response.json().items() >= {"alias": "wso2carbon", "apiId": api["id"], "tier": "Gold"}.items()
    ask("get /apis/{apiId}/client-certificates", 200, params={"alias": "wso2carbon", "limit": 1, "offset": 0}, **of)
    of_alias, one = of | {"alias": "wso2carbon"}, "/apis/{apiId}/client-certificates/{alias}"
    assert ask(f"get {one}", 200, **of_alias).json()["status"] == "Active"
    assert ask(f"put {one}", 200, files={"tier": (None, "Silver")}, **of_alias).json()["tier"] == "Silver"
    ask(f"put {one}", 200, files={"certificate": ("b.crt", issue("b").pem), "tier": (None, "Gold")}, **of_alias)
    ask(f"get {one}/content", 200, **of_alias)
    ask(f"delete {one}", 200, **of_alias)
    for operation in (f"get {one}", f"put {one}", f"delete {one}", f"get {one}/content"):
        ask(operation, 404, **of_alias)

    endpoint = api["endpointConfig"]["production_endpoints"]["url"]
    parts = {"certificate": ("a.crt", PEM), "alias": (None, "pizza-backend"), "endpoint": (None, endpoint)}
    response = ask("post /endpoint-certificates", 201, files=parts)
    assert response.headers["location"] == f"{ask.prefix}/endpoint-certificates/pizza-backend"
    ask("get /endpoint-certificates", 200, params={"alias": "pizza-backend", "endpoint": endpoint})
    ask("get /endpoint-certificates/{alias}", 200)
    ask("get /endpoint-certificates/{alias}", 404, alias="nobody")
    ask("put /endpoint-certificates/{alias}", 200, files={"certificate": ("b.crt", PEM)})
    ask("get /endpoint-certificates/{alias}/content", 200)
    ask("delete /endpoint-certificates/{alias}", 200)

    results = ask("get /search", 200, params={"query": "pizzashackapi"}).json()["list"]
    assert {result["version"] for result in results} == {"1.0.0", "2.0"}
    ask("get /settings", 200)
    ask("delete /apis/{apiId}", 200, **of)
    ask("delete /apis/{apiId}", 404, **of)


def test_the_values_of_the_examples_are_returned(client):
    example = example_api()
    api = client.post(f"{V1}/apis", json=example).json()
    own = {
        "id",
        "context",
        "provider",
        "lifeCycleStatus",
        "workflowStatus",
        "createdTime",
        "lastUpdatedTime",
        "wsdlUrl",
        "gatewayEnvironments",
    }
    # The name of WSO2's only environment before version 4.0.
    assert example["gatewayEnvironments"] == ["Production and Sandbox"]
    assert api["gatewayEnvironments"] == ["Default"]
    assert {name: api.get(name) for name in example.keys() - own - {"testKey"}} == {
        name: value for name, value in example.items() if name not in own | {"testKey"}
    }


def test_operations_without_a_test_here_respond_as_described(client, ask):
    """New operations are called for an object that doesn't exist, until they have a test."""
    create_api(client)
    own_operations = {
        f"{method} {path.removeprefix(PREFIXES[0]).replace('{api_id}', '{apiId}')}"
        for path, operations in client.get("/openapi.json").json()["paths"].items()
        for method in operations
    }
    common = sorted(own_operations & DESCRIPTIONS[ask.prefix]["operations"].keys())
    assert len(common) >= 30
    for operation in common:
        ask(operation, api="0", alias="nobody")


def test_links_of_pages_keep_the_prefix_of_the_request(client, ask):
    for number in range(3):
        create_api(client, f"Api{number}")
    page = ask("get /apis", params={"limit": 1, "offset": 1}).json()["pagination"]
    assert page["next"] == f"{ask.prefix}/apis?limit=1&offset=2"
    assert page["previous"] == f"{ask.prefix}/apis?limit=1&offset=0"
    assert client.get(page["next"]).json()["pagination"]["next"] == ""


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_trailing_slash_redirects_under_the_same_prefix(client, prefix):
    response = client.get(f"{prefix}/apis/")
    assert response.is_redirect
    assert response.headers["location"].endswith(f"{prefix}/apis")
    assert response.headers["location"].count("/v") == prefix.count("/v")


@pytest.mark.parametrize(
    "path", ["/api/am/publisher/v5/apis", "/api/am/publisherv4/apis", "/api/am/publisher/v11/apis"]
)
def test_other_prefixes_are_not_found(client, path):
    assert client.get(path).status_code == 404
