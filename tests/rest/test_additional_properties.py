"""`additionalProperties` is a map under v1 and a list under the other prefixes; each prefix accepts every form."""

import json

import pytest

from rest.calls import api_body

ROOT = "/api/am/publisher"
V1, V4 = f"{ROOT}/v1/apis", f"{ROOT}/v4/apis"
MAP = {"team": "ovens", "cost": "12"}
LIST = [{"name": "team", "value": "ovens", "display": True}, {"name": "cost", "value": "12", "display": False}]


def create(client, prefix=V4, **members):
    response = client.post(prefix, json=api_body(**members))
    assert response.status_code == 201, response.text
    return response


@pytest.mark.parametrize(
    "members", [{"additionalProperties": LIST}, {"additionalPropertiesMap": {e["name"]: e for e in LIST}}]
)
def test_each_prefix_returns_its_own_form(client, members):
    api = create(client, **members).json()
    assert api["additionalProperties"] == LIST
    for version in ("/v2", "/v3", "/v4", ""):
        assert client.get(f"{ROOT}{version}/apis/{api['id']}").json()["additionalProperties"] == LIST
    assert client.get(f"{V1}/{api['id']}").json()["additionalProperties"] == MAP
    for prefix, expected in ((V1, MAP), (V4, LIST)):
        (entry,) = client.get(prefix, params={"expand": "true"}).json()["list"]
        assert entry["additionalProperties"] == expected
        assert "additionalPropertiesMap" not in entry


def test_an_api_without_properties_has_an_empty_value_of_the_right_type(client):
    response = create(client, V1)
    assert response.json()["additionalProperties"] == {}
    assert client.get(f"{V4}/{response.json()['id']}").json()["additionalProperties"] == []


def test_copies_definitions_and_imports_return_the_form_of_the_prefix(client):
    api = create(client, additionalProperties=MAP).json()
    for prefix, expected in ((V1, MAP), (V4, [entry | {"display": False} for entry in LIST])):
        version = {"apiId": api["id"], "newVersion": prefix[-7:-5]}
        copy = client.post(f"{prefix}/copy-api", params=version)
        assert copy.json()["additionalProperties"] == expected
        definition = {"openapi": "3.0.0", "info": {"title": version["newVersion"], "version": "1"}, "paths": {}}
        properties = (None, json.dumps({"additionalProperties": MAP}))
        files = {"file": ("a.json", json.dumps(definition)), "additionalProperties": properties}
        assert client.post(f"{prefix}/import-openapi", files=files).json()["additionalProperties"] == expected
        archive = client.get(f"{V1}/export", params={"apiId": api["id"]}).content
        response = client.post(f"{prefix}/import", params={"overwrite": "true"}, files={"file": ("a.zip", archive)})
        assert response.json()["additionalProperties"] == expected


def test_a_change_with_a_map_keeps_which_properties_are_displayed(client):
    api = create(client, additionalProperties=LIST).json()
    change = {"additionalProperties": {"team": "bakers", "new": True}}
    assert client.put(f"{V1}/{api['id']}", json=change).json()["additionalProperties"] == {
        "team": "bakers",
        "new": "true",
    }
    assert client.get(f"{V4}/{api['id']}").json()["additionalProperties"] == [
        {"name": "team", "value": "bakers", "display": True},
        {"name": "new", "value": "true", "display": False},
    ]


def test_each_representation_has_its_own_tag_and_either_permits_a_change(client):
    response = create(client, additionalProperties=MAP)
    path = response.json()["id"]
    tags = {prefix: client.get(f"{prefix}/{path}").headers["etag"] for prefix in (V1, f"{ROOT}/v2/apis", V4)}
    assert tags[V1] != tags[V4] == tags[f"{ROOT}/v2/apis"] == response.headers["etag"]
    assert client.get(f"{V1}/{path}", headers={"If-None-Match": tags[V4]}).status_code == 200
    assert client.get(f"{V1}/{path}", headers={"If-None-Match": tags[V1]}).status_code == 304
    for tag in (tags[V1], tags[V4]):
        answer = client.put(f"{V4}/{path}", json={"description": tag}, headers={"If-Match": tag})
        assert answer.status_code == (200 if tag == tags[V1] else 412)


@pytest.mark.parametrize("wrong", [[{"value": "no name"}], ["text"], [{"name": "a", "value": {}}], 7])
def test_invalid_properties_are_rejected(client, wrong):
    response = client.post(V4, json=api_body(additionalProperties=wrong))
    assert response.status_code == 400
    assert "additionalProperties" in response.json()["description"]
