"""The lifecycle in REST: the state of an API and its history."""

import pytest

from rest.calls import APIS, assert_problem, create_api


def move(client, api, action, **params):
    return client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": action} | params)


def test_the_history_lists_every_change_with_its_user(client, berta, api):
    for action in ("Publish", "Demote to Created", "Publish", "Deprecate"):
        assert move(client, api, action).status_code == 200
    history = client.get(f"{APIS}/{api['id']}/lifecycle-history").json()
    states = [(step.get("previousState"), step["postState"]) for step in history["list"]]
    assert states == [
        (None, "Created"),
        ("Created", "Published"),
        ("Published", "Created"),
        ("Created", "Published"),
        ("Published", "Deprecated"),
    ]
    assert history["count"] == 5
    assert {step["user"] for step in history["list"]} == {berta.name}


def test_an_api_can_be_addressed_by_provider_name_and_version(client, stranger, berta, api):
    address = {"id": f"{berta.name}-Pizza-1.0.0"}
    assert move(client, address, "Publish").status_code == 200
    response = client.post(f"{APIS}/copy-api", params={"apiId": address["id"], "newVersion": "2"})
    assert response.json()["context"] == api["context"]
    assert_problem(move(stranger, address, "Publish"), 404, says=address["id"])


def test_the_history_does_not_include_an_api_of_the_same_name(client, api):
    move(client, api, "Publish")
    client.delete(f"{APIS}/{api['id']}")
    again = create_api(client)
    assert client.get(f"{APIS}/{again['id']}/lifecycle-history").json()["count"] == 1


def test_the_state_is_the_one_that_the_change_returned(client, api):
    state = move(client, api, "Publish").json()["lifecycleState"]
    assert client.get(f"{APIS}/{api['id']}/lifecycle-state").json() == state


def test_older_versions_are_deprecated_on_request(client, api):
    other = create_api(client, "Pasta")
    new = create_api(client, version="2.0.0")
    for version in (api, other):
        move(client, version, "Publish")
    move(client, new, "Publish", lifecycleChecklist="Deprecate old versions after publishing the API:true,x:false")
    states = {entry["id"]: entry["lifeCycleStatus"] for entry in client.get(APIS).json()["list"]}
    assert states == {api["id"]: "DEPRECATED", other["id"]: "PUBLISHED", new["id"]: "PUBLISHED"}


def test_older_versions_stay_published_otherwise(client, api):
    new = create_api(client, version="2.0.0")
    move(client, api, "Publish")
    move(client, new, "Publish", lifecycleChecklist="Deprecate old versions after publishing the API:false")
    assert client.get(f"{APIS}/{api['id']}").json()["lifeCycleStatus"] == "PUBLISHED"


def test_publishing_a_published_api_changes_nothing(client, api):
    first = move(client, api, "Publish")
    again = move(client, api, "Publish", lifecycleChecklist="Deprecate old versions after publishing the API:true")
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, first.json(), first.headers["etag"])
    assert client.get(f"{APIS}/{api['id']}/lifecycle-history").json()["count"] == 2
    assert_problem(move(client, api, "Retire"), 400, says="isn't possible in state PUBLISHED")


@pytest.mark.parametrize("kind", ["WEBSUB", "ASYNC", "SOAPTOREST", "APIPRODUCT"])
def test_an_api_that_no_gateway_serves_cannot_be_published(client, kind):
    unserved_api, served_api = create_api(client, type=kind), create_api(client, "Served", type="GRAPHQL")
    assert_problem(move(client, unserved_api, "Publish"), 400, "type", says=f"don't serve APIs of the type {kind}")
    assert move(client, served_api, "Publish").status_code == 200
    assert_problem(client.put(f"{APIS}/{served_api['id']}", json={"type": kind}), 400, "type", says="don't serve")
