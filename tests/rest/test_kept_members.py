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
    made = create_api(client, **SENT)
    assert {name: made[name] for name in SENT} == SENT
    assert client.get(f"{APIS}/{made['id']}").json() == made
    (listed,) = client.get(APIS, params={"expand": "true"}).json()["list"]
    assert listed == made


def test_lists_include_the_type_but_not_other_members(client):
    create_api(client, "Chat", type="WS", **SENT)
    create_api(client)
    assert [each["type"] for each in client.get(APIS).json()["list"]] == ["WS", "HTTP"]
    found = client.get(f"{APIS.removesuffix('/apis')}/search").json()["list"]
    assert [each["transportType"] for each in found] == ["WS", "HTTP"]
    assert client.get(APIS, params={"limit": 1000}).json()["pagination"]["limit"] == 1000
    assert client.get(APIS, params={"limit": 1000, "expand": "true"}).json()["pagination"]["limit"] == 100


def test_a_change_keeps_members_that_it_does_not_send(client):
    made = create_api(client, **SENT)
    changed = client.put(f"{APIS}/{made['id']}", json={"tags": [], "somethingNew": None}).json()
    assert changed["tags"] == []
    assert "somethingNew" not in changed
    assert changed["endpointConfig"] == CONFIG
    assert changed["operations"] == SENT["operations"]


def test_members_of_an_endpoint_are_removed_with_it(client):
    made = create_api(client, **SENT)
    config = {"endpoint_type": "http", "production_endpoints": {"url": "https://new.test"}}
    changed = client.put(f"{APIS}/{made['id']}", json={"endpointConfig": config}).json()
    assert changed["endpointConfig"] == config


def test_an_endpoint_that_was_changed_on_the_page_keeps_its_settings(client):
    made = create_api(client, **SENT)
    form = {"with_production": "on", "production": "https://new.test"}
    assert client.post(f"/apis/{made['id']}/endpoints", data=form).status_code == 303
    found = client.get(f"{APIS}/{made['id']}").json()["endpointConfig"]
    assert found["production_endpoints"] == CONFIG["production_endpoints"] | {"url": "https://new.test"}
    assert "sandbox_endpoints" not in found


def test_the_password_of_a_backend_is_not_returned(client):
    security = {"type": "BASIC", "username": "pizza", "password": "geheim"}
    config = {"production_endpoints": {"url": "https://backend.test"}}
    made = create_api(client, endpointConfig=config, endpointSecurity=security)
    assert made["endpointSecurity"] == security | {"password": ""}
    assert "geheim" not in client.get(f"{APIS}/{made['id']}").text


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
