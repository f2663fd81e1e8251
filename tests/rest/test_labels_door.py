"""Labels of APIs, endpoint certificates and trust settings over REST."""

import pytest

from issuing import issue
from rest.calls import APIS, CERTIFICATES, ENDPOINTS, PREFIX, URL, create_api, upload

LABELS = f"{PREFIX}/labels"
ORIGIN = "https://pizza.test:8443"


@pytest.fixture
def api(client):
    """An API with an endpoint certificate."""
    api = create_api(client)
    assert upload(client, issue("pizza.test").pem).status_code == 201
    return api


def put(client, kind, name, *labels):
    return client.put(LABELS, params={"kind": kind, "object": name}, json={"labels": labels})


def list_objects(client, **query):
    body = client.get(LABELS, params=query).json()
    assert body["count"] == len(body["list"]) <= body["pagination"]["total"]
    return {(entry["kind"], entry["object"]): entry["labels"] for entry in body["list"]}


def test_labels_are_set_and_listed_by_kind_and_label(client, api):
    origin = client.get(f"{CERTIFICATES}/pizza-backend").json()["endpoint"]
    assert put(client, "api", api["id"], "b", "a", "a").json()["labels"] == ["a", "b"]
    assert put(client, "certificate", "pizza-backend", "a").status_code == 200
    trust = put(client, "trust", URL, "c").json()["object"]
    assert trust in origin
    everything = {
        ("api", api["id"]): ["a", "b"],
        ("certificate", "pizza-backend"): ["a"],
        ("trust", trust): ["c"],
    }
    assert list_objects(client) == everything
    assert list_objects(client, label="a") == {key: labels for key, labels in everything.items() if "a" in labels}
    assert list_objects(client, kind="trust") == {("trust", trust): ["c"]}
    assert list_objects(client, limit=1, offset=1) == {("certificate", "pizza-backend"): ["a"]}
    assert put(client, "api", api["id"]).json()["labels"] == []
    assert ("api", api["id"]) not in list_objects(client)


def test_lists_are_filtered_by_label(client, api):
    other = create_api(client, name="Other", context="/other")
    put(client, "api", api["id"], "team-a", "team-ab")
    put(client, "certificate", "pizza-backend", "team-a")
    for label, ids in (("team-a", [api["id"]]), ("team", []), ("TEAM-A", []), ("team-ab", [api["id"]])):
        entries = client.get(APIS, params={"query": f"label:{label}"}).json()["list"]
        assert [entry["id"] for entry in entries] == ids
    assert client.get(APIS, params={"query": "label:team-a Other"}).json()["count"] == 0
    assert client.get(CERTIFICATES, params={"label": "team-a"}).json()["count"] == 1
    assert client.get(CERTIFICATES, params={"label": "team-b"}).json()["count"] == 0
    assert other["id"] not in str(list_objects(client))


def test_labels_end_with_their_object(client, api):
    put(client, "api", api["id"], "a")
    put(client, "certificate", "pizza-backend", "a")
    client.delete(f"{CERTIFICATES}/pizza-backend")
    client.delete(f"{APIS}/{api['id']}")
    assert list_objects(client) == {}


@pytest.mark.parametrize("label", ["", " ", "-a", "a-", "a b", "a" * 64, "ü", "a,b", "a%"])
def test_labels_that_a_command_line_could_misread_are_rejected(client, api, label):
    assert put(client, "api", api["id"], label).status_code == 400


def test_labels_of_unknown_objects_are_rejected(client, api):
    assert put(client, "api", "missing", "a").status_code == 404
    assert put(client, "certificate", "missing", "a").status_code == 404
    assert put(client, "trust", "https://missing.example", "a").status_code == 400
    assert put(client, "user", "admin", "a").status_code in {400, 422}
    assert put(client, "api", api["id"], *(f"l{n}" for n in range(21))).status_code == 400


def test_trust_settings_that_outlive_their_api_can_be_read(client, api):
    query = {"endpoint": URL}
    assert client.put(f"{ENDPOINTS}/trust-settings", params=query, json={"tlsMinimum": "1.3"}).status_code == 200
    client.delete(f"{APIS}/{api['id']}")
    assert client.get(f"{ENDPOINTS}/trust-settings", params=query).status_code == 400
    flag = {"unused": "true"}
    response = client.get(f"{ENDPOINTS}/trust-settings", params=query | flag)
    assert (response.status_code, response.json()["tlsMinimum"]) == (200, "1.3")
    other = {"endpoint": "https://x.example"}
    assert client.get(f"{ENDPOINTS}/trust-settings", params=other | flag).status_code == 400
    assert client.put(f"{ENDPOINTS}/trust-settings", params=query, json={}).status_code == 400
