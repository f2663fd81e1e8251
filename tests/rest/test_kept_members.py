"""Members that Holdfast doesn't act on are stored and returned unchanged."""

import pytest

from rest.calls import APIS, URL, api_body, assert_problem, create_api

CONFIG = {
    "endpoint_type": "http",
    "production_endpoints": {"url": URL, "template_not_supported": False, "config": {"retryDelay": "30000"}},
    "sandbox_endpoints": {"url": "http://sandbox.test", "config": None},
    "sessionTimeOut": "",
    "production_failovers": [],
}
SENT = {
    "endpointConfig": CONFIG,
    "tags": ["pizza", "ä"],
    "policies": ["Unlimited"],
    "visibility": "RESTRICTED",
    "visibleRoles": ["admin"],
    "additionalProperties": [{"name": "team", "value": "ovens", "display": False}],
    "operations": [{"target": "/order/{orderId}", "verb": "POST", "authType": "Any", "throttlingPolicy": "Unlimited"}],
    "somethingNew": {"deep": [1, 2.5, None, True]},
}


def test_everything_that_was_sent_is_returned(client):
    api = create_api(client, **SENT)
    assert {name: api[name] for name in SENT} == SENT
    assert client.get(f"{APIS}/{api['id']}").json() == api
    (entry,) = client.get(APIS, params={"expand": "true"}).json()["list"]
    assert entry == api


def test_lists_include_the_type_but_not_other_members(client):
    create_api(client, "Chat", type="WS", **SENT)
    create_api(client)
    assert [entry["type"] for entry in client.get(APIS).json()["list"]] == ["WS", "HTTP"]
    results = client.get(f"{APIS.removesuffix('/apis')}/search").json()["list"]
    assert [entry["transportType"] for entry in results] == ["WS", "HTTP"]
    assert client.get(APIS, params={"limit": 1000}).json()["pagination"]["limit"] == 1000
    assert client.get(APIS, params={"limit": 1000, "expand": "true"}).json()["pagination"]["limit"] == 100


def test_a_change_keeps_members_that_it_does_not_send(client):
    api = create_api(client, **SENT)
    body = client.put(f"{APIS}/{api['id']}", json={"tags": [], "somethingNew": None}).json()
    assert body["tags"] == []
    assert "somethingNew" not in body
    assert body["endpointConfig"] == CONFIG
    assert body["operations"] == SENT["operations"]


def test_members_of_an_endpoint_are_removed_with_it(client):
    api = create_api(client, **SENT)
    config = {"endpoint_type": "http", "production_endpoints": {"url": "https://new.test"}}
    body = client.put(f"{APIS}/{api['id']}", json={"endpointConfig": config}).json()
    assert body["endpointConfig"] == config


def test_an_endpoint_that_was_changed_on_the_page_keeps_its_settings(client):
    api = create_api(client, **SENT)
    form = {"with_production": "on", "production": "https://new.test"}
    assert client.post(f"/apis/{api['id']}/endpoints", data=form).status_code == 303
    endpoint_config = client.get(f"{APIS}/{api['id']}").json()["endpointConfig"]
    assert endpoint_config["production_endpoints"] == CONFIG["production_endpoints"] | {"url": "https://new.test"}
    assert "sandbox_endpoints" not in endpoint_config


def test_the_password_of_a_backend_is_not_returned(client):
    security = {"type": "BASIC", "username": "pizza", "password": "geheim"}
    config = {"production_endpoints": {"url": "https://backend.test"}}
    api = create_api(client, endpointConfig=config, endpointSecurity=security)
    assert api["endpointSecurity"] == security | {"password": ""}
    assert "geheim" not in client.get(f"{APIS}/{api['id']}").text


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("tags", "pizza"),
        ("visibility", "EVERYONE"),
        ("isDefaultVersion", "perhaps"),
        ("operations", {}),
        ("additionalProperties", "x"),
        ("cacheTimeout", "soon"),
    ],
)
def test_a_known_member_of_another_type_is_rejected(client, member, value):
    response = client.post(APIS, json=api_body(**{member: value}))
    assert response.status_code == 400
    assert member in response.json()["description"]


def test_a_private_key_in_a_description_is_refused(client):
    body = api_body(notes="-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----")
    assert_problem(client.post(APIS, json=body), 400, "body", says="private key")
    assert client.get(APIS).json()["count"] == 0


@pytest.mark.parametrize("kind", ["service", "sequence_backend"])
def test_unsupported_types_of_endpoints_are_rejected(client, kind):
    body = api_body(endpointConfig=CONFIG | {"endpoint_type": kind})
    assert_problem(client.post(APIS, json=body), 400, "endpointConfig.endpoint_type", says="isn't supported")
