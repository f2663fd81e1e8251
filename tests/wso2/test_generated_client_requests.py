"""What clients generated from WSO2's v4 description send, and the types that they expect in the answers."""

from typing import Any

import pytest

from running import Holdfast

pytestmark = pytest.mark.envoy
# Members that such clients read, with their types.
API = {
    "id": str,
    "name": str,
    "context": str,
    "version": str,
    "provider": str,
    "lifeCycleStatus": str,
    "hasThumbnail": bool,
    "isDefaultVersion": bool,
    "type": str,
    "transport": list,
    "tags": list,
    "policies": list,
    "securityScheme": list,
    "visibility": str,
    "visibleRoles": list,
    "additionalProperties": list,
    "operations": list,
    "endpointConfig": dict,
    "gatewayEnvironments": list,
}
LIST = {"count": int, "list": list, "pagination": dict}
ENVIRONMENT = {"id": str, "name": str, "displayName": str, "type": str, "vhosts": list}
DOCUMENT = {"documentId": str, "name": str, "type": str, "sourceType": str, "visibility": str, "createdTime": str}
# A generated client sends every member that it knows, with null for those that have no value.
BODY = {
    "name": "Generated",
    "context": "/generated",
    "version": "1.0.0",
    "description": None,
    "provider": "admin",
    "lifeCycleStatus": "CREATED",
    "type": "HTTP",
    "transport": ["http", "https"],
    "tags": ["generated"],
    "policies": ["Unlimited"],
    "visibility": "PUBLIC",
    "visibleRoles": [],
    "additionalProperties": [{"name": "team", "value": "pizza", "display": False}],
    "endpointConfig": {"endpoint_type": "http", "production_endpoints": {"url": "https://pizza.invalid"}},
    "operations": [{"target": "/menu", "verb": "GET", "authType": "None", "throttlingPolicy": "Unlimited"}],
    "hasThumbnail": None,
    "scopes": [],
}


def assert_typed(value: Any, members: dict[str, type]) -> None:
    assert {name: type(value.get(name)) for name in members} == members


@pytest.mark.parametrize("version", ["v2", "v3", "v4"])
def test_an_api_is_created_read_changed_and_deleted(holdfast: Holdfast, version: str):
    with holdfast.browser(f"/api/am/publisher/{version}", auth=("admin", holdfast.admin_password)) as client:
        response = client.post("/apis", json=BODY, params={"openAPIVersion": "v3"})
        assert response.status_code == 201, response.text
        path = f"/apis/{response.json()['id']}"
        assert response.headers["location"].endswith(path)
        api = client.get(path).json()
        assert_typed(api, API)
        assert api["additionalProperties"] == BODY["additionalProperties"]
        body = client.get("/apis", params={"limit": "10", "offset": "0", "query": "name:Generated"}).json()
        assert_typed(body, LIST)
        # A client sends back what it has read.
        response = client.put(path, json=api | {"description": "changed"})
        assert response.status_code == 200, response.text
        assert client.get(path).json()["description"] == "changed"
        assert client.post("/apis/validate", params={"query": "name:Generated"}).status_code == 200
        assert client.get(f"{path}/swagger").status_code == 200
        document = {"name": "How to", "type": "HOWTO", "sourceType": "INLINE", "visibility": "API_LEVEL"}
        assert_typed(client.post(f"{path}/documents", json=document | {"inlineContent": "Call it."}).json(), DOCUMENT)
        assert_typed(client.get(f"{path}/documents").json(), LIST)
        assert client.delete(path).status_code == 200


def test_settings_and_empty_lists_have_the_expected_types(holdfast: Holdfast):
    settings = holdfast.rest.get("/settings").json()
    assert_typed(settings["environment"][0], ENVIRONMENT)
    assert "Default" in {environment["name"] for environment in settings["environment"]}
    for path in ("/key-managers", "/throttling-policies/api", "/subscriptions", "/operation-policies"):
        assert_typed(holdfast.rest.get(path).json(), {"count": int, "list": list})
