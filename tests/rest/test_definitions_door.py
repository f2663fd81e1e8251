"""OpenAPI definitions in REST: of an API, to create an API from, and their validation."""

import json

import pytest

from rest.calls import APIS, assert_problem, assert_unchanged, create_api

DEFINITION = {
    "openapi": "3.0.3",
    "info": {"title": "Pizza & Pasta (beta)", "version": "1.0.0", "description": "Thin"},
    "servers": [{"url": "https://pizza.test:8443/base"}],
    "paths": {"/order": {"post": {"responses": {"200": {"description": "OK"}}}}},
}
TEXT = json.dumps(DEFINITION)


def test_an_api_without_a_stored_definition_has_a_generated_one(client):
    api = create_api(client, operations=[{"target": "/order/{id}", "verb": "get"}], description="Thin")
    definition = client.get(f"{APIS}/{api['id']}/swagger").json()
    assert definition["info"] == {"title": "Pizza", "version": "1.0.0", "description": "Thin"}
    assert definition["paths"].keys() == {"/order/{id}"}
    assert all(server["url"].endswith("/pizza/1.0.0") for server in definition["servers"])
    assert client.post(f"{APIS}/validate-openapi", files={"file": ("a", json.dumps(definition))}).json()["isValid"]


def test_a_stored_definition_is_returned_and_determines_the_operations(client, api):
    path = f"{APIS}/{api['id']}"
    response = client.put(f"{path}/swagger", files={"apiDefinition": (None, TEXT)})
    assert (response.status_code, response.json()) == (200, DEFINITION)
    assert client.get(f"{path}/swagger").json() == DEFINITION
    assert client.get(path).json()["operations"] == [{"target": "/order", "verb": "POST"}]


def test_members_of_operations_that_remain_are_kept(client):
    operation = {"target": "/order", "verb": "POST", "throttlingPolicy": "Gold"}
    api = create_api(client, operations=[operation, {"target": "/gone", "verb": "GET"}])
    client.put(f"{APIS}/{api['id']}/swagger", files={"file": ("a.json", TEXT)})
    assert client.get(f"{APIS}/{api['id']}").json()["operations"] == [operation]


def test_an_api_can_be_created_from_only_a_definition(client):
    api = client.post(f"{APIS}/import-openapi", files={"file": ("a.json", TEXT)}).json()
    assert (api["name"], api["context"], api["version"]) == ("Pizza Pasta beta", "/pizza-pasta-beta", "1.0.0")
    assert api["endpointConfig"]["production_endpoints"] == {"url": "https://pizza.test:8443/base"}
    assert (api["description"], api["operations"]) == ("Thin", [{"target": "/order", "verb": "POST"}])
    assert client.get(f"{APIS}/{api['id']}/swagger").json() == DEFINITION


def test_invisible_characters_in_a_title_are_removed_or_rejected(client):
    for title, name in (("Piz\u202eza", "Piz za"), ("Pizza\u3164", None)):
        definition = {"openapi": "3.0.0", "info": {"title": title, "version": "1"}, "paths": {}}
        answer = client.post(f"{APIS}/import-openapi", files={"file": ("a.json", json.dumps(definition))})
        if name:
            assert answer.json()["name"] == name
        else:
            assert_problem(answer, 400, "name", says="U+3164 (HANGUL FILLER)")


def import_definition(client, properties=None, **changes):
    parts = {"file": ("a.json", json.dumps(DEFINITION | changes))}
    if properties:
        parts["additionalProperties"] = (None, json.dumps(properties))
    return client.post(f"{APIS}/import-openapi", files=parts)


def test_a_context_that_is_derived_is_never_rejected(client):
    def of(title, version="1"):
        return import_definition(client, info={"title": title, "version": version}).json()["context"]

    create_api(client, name="Other", context="/pizza", version="1")
    assert [of("Pizza"), of("pizza!", "2"), of("PIZZA."), of("比萨"), of("t/x")] == [
        "/pizza-2",
        "/pizza-2",
        "/pizza-3",
        "/api",
        "/t-x",
    ]
    assert_problem(import_definition(client, info={"title": "Pizza", "version": "1"}), 409, "name")
    assert_problem(import_definition(client, {"context": "/pizza"}), 409, "context")
    assert_problem(import_definition(client, {"context": "/pi zza"}), 400, "context")


def test_a_new_version_of_an_api_gets_the_context_of_the_others(client):
    create_api(client, name="Pizza Pasta beta", context="/somewhere", version="0.9")
    assert import_definition(client).json()["context"] == "/somewhere"


def test_a_version_and_a_description_that_are_derived_are_never_rejected(client):
    info = {"title": "Pizza", "version": "1.0 (beta), " + "x" * 30, "description": "a\u202e" * 20_000}
    body = import_definition(client, info=info).json()
    assert body["version"] == "1.0-beta-xxxxxxxxxxxxxxxxxxxxx"
    assert body["description"] == "a" * 20_000


def test_the_first_server_that_can_be_used_is_the_endpoint_and_the_others_are_reported(client):
    own = {"x-wso2-sandbox-endpoints": {"urls": ["https://sandbox.test"]}}
    urls = ("https://{host}/v1", "wss://pizza.test/live", "https://b.test")
    body = import_definition(client, servers=[{"url": url} for url in urls], **own).json()
    assert body["endpointConfig"]["production_endpoints"] == {"url": "https://pizza.test/live"}
    assert body["endpointConfig"]["sandbox_endpoints"] == {"url": "https://sandbox.test"}
    assert "https://b.test" in [part["what"] for part in body["unusedInDefinition"]]
    assert body["unusedInDefinition"][0]["what"] == "https://{host}/v1"
    assert "unusedInDefinition" not in client.put(f"{APIS}/{body['id']}", json=body).json()
    own_members = {"name": "b", "endpointConfig": {"production_endpoints": {"url": "https://c.test"}}}
    assert "unusedInDefinition" not in import_definition(client, own_members, **own).json()


def test_unused_servers_are_reported_when_a_definition_is_stored_or_validated(client):
    urls = ("https://{host}/v1", "https://pizza.test/live", "https://b.test")
    file = {"file": ("a.json", json.dumps(DEFINITION | {"servers": [{"url": url} for url in urls]}))}
    body = client.post(f"{APIS}/validate-openapi", files=file).json()
    api = client.post(f"{APIS}/import-openapi", files=file).json()
    assert body["unusedInDefinition"] == api["unusedInDefinition"]
    path = f"{APIS}/{api['id']}/swagger"
    answer = client.put(path, files=file)
    parts = answer.json()["x-holdfast-unused"]
    assert [part["what"] for part in parts] == ["https://{host}/v1", "https://b.test"]
    why = "The definition of an API doesn't change its endpoints. Change the API instead."
    assert {part["why"] for part in parts} == {why}
    again = client.put(path, files={"file": ("a.json", answer.text)}, headers={"If-Match": answer.headers["etag"]})
    assert again.json() == answer.json()
    assert "x-holdfast-unused" not in client.get(path).json()


def test_a_generated_definition_can_be_stored_without_reports(client):
    path = f"{APIS}/{create_api(client, name='Own')['id']}/swagger"
    definition = client.get(path).json()
    assert client.put(path, data={"apiDefinition": json.dumps(definition)}).json() == definition


def test_a_new_version_has_the_definition_too(client):
    api = client.post(f"{APIS}/import-openapi", files={"file": ("a.json", TEXT)}).json()
    copy = client.post(f"{APIS}/copy-api", params={"apiId": api["id"], "newVersion": "2"}).json()
    assert client.get(f"{APIS}/{copy['id']}/swagger").json() == DEFINITION
    assert (copy["version"], copy["lifeCycleStatus"]) == ("2", "CREATED")
    again = client.post(f"{APIS}/copy-api", params={"apiId": api["id"], "newVersion": "2"})
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("parts", "field", "says"),
    [
        ({"url": (None, "http://127.0.0.1/openapi.json")}, "url", "fetch URLs"),
        ({"url": (None, "file:///etc/passwd"), "file": ("a", TEXT)}, "url", "fetch URLs"),
        ({"file": ("a", "{")}, "definition", "can't be read as JSON or YAML"),
        ({"file": ("a", "{}")}, "definition", "neither 'openapi' nor 'swagger'"),
        ({"file": ("a", b"\xff")}, "definition", "UTF-8"),
        ({"url": (None, "")}, "file", "missing"),
    ],
)
def test_a_definition_that_cannot_be_used_changes_nothing(client, shared_runtime, berta, api, parts, field, says):
    with assert_unchanged(shared_runtime, berta.organization):
        assert_problem(client.post(f"{APIS}/import-openapi", files=parts), 400, field, says=says)
        assert_problem(client.put(f"{APIS}/{api['id']}/swagger", files=parts), 400, field, says=says)


@pytest.mark.parametrize(
    ("properties", "field"),
    [
        ("{", "additionalProperties"),
        ("[]", "additionalProperties"),
        ('{"name": 5}', "additionalProperties.name"),
        ('{"name": "a/b"}', "name"),
        ('{"endpointConfig": {"production_endpoints": {"url": "ftp://x"}}}', "endpointConfig.production_endpoints.url"),
    ],
)
def test_members_that_cannot_be_used_are_named(client, properties, field):
    parts = {"file": ("a", TEXT), "additionalProperties": (None, properties)}
    assert_problem(client.post(f"{APIS}/import-openapi", files=parts), 400, field)


def test_a_definition_of_another_organization_is_not_found(client, stranger):
    theirs = create_api(stranger)
    assert_problem(client.get(f"{APIS}/{theirs['id']}/swagger"), 404)
    assert_problem(client.put(f"{APIS}/{theirs['id']}/swagger", files={"file": ("a", TEXT)}), 404)
    for name in ("lifecycle-state", "lifecycle-history", "client-certificates"):
        assert_problem(client.get(f"{APIS}/{theirs['id']}/{name}"), 404)
    assert_problem(client.delete(f"{APIS}/{theirs['id']}/lifecycle-state/pending-tasks"), 404)
    assert_problem(client.post(f"{APIS}/copy-api", params={"apiId": theirs["id"], "newVersion": "2"}), 404)
    assert_problem(client.post(f"{APIS}/validate", params={"query": "name:Pizza"}), 404)
    assert client.get(f"{APIS.removesuffix('/apis')}/search", params={"query": "pizza"}).json()["count"] == 0


def test_a_definition_can_be_sent_as_text(client):
    inline = {"inlineAPIDefinition": (None, TEXT)}
    assert client.post(f"{APIS}/validate-openapi", files=inline).json()["isValid"]
    api = client.post(f"{APIS}/import-openapi", files=inline).json()
    assert client.get(f"{APIS}/{api['id']}/swagger").json() == DEFINITION
    twice = inline | {"file": ("a.json", TEXT)}
    assert_problem(client.post(f"{APIS}/import-openapi", files=twice), 400, "file", says="sent twice")
