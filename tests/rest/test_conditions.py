"""Entity tags prevent lost updates, and unchanged content isn't sent again."""

import pytest

from issuing import issue
from rest.calls import APIS, CERTIFICATES, ENDPOINTS, URL, api_body, assert_problem, replace, upload


@pytest.fixture(params=["api", "certificate", "definition"])
def resource(request, client, api):
    """The path of an object with a tag, and a function that changes it."""
    if request.param == "api":
        path = f"{APIS}/{api['id']}"
        return path, lambda **options: client.put(path, json=api_body(description="new"), **options)
    if request.param == "certificate":
        assert upload(client, issue("pizza.test").pem).status_code == 201
        path = f"{CERTIFICATES}/pizza-backend"
        return path, lambda **options: replace(client, issue("pizza.test").pem, **options)
    path = f"{APIS}/{api['id']}/swagger"
    definition = {"openapi": "3.0.1", "info": {"title": "New", "version": "1"}, "paths": {}}
    parts = {"apiDefinition": ("a.json", str(definition).replace("'", '"'))}
    return path, lambda **options: client.put(path, files=parts, **options)


def test_a_tag_changes_exactly_when_the_content_does(client, resource):
    path, change = resource
    before = client.get(path).headers["etag"]
    assert client.get(path).headers["etag"] == before
    tag = change().headers["etag"]
    assert client.get(path).headers["etag"] == tag != before


def test_a_known_tag_gets_304(client, resource):
    path, change = resource
    tag = client.get(path).headers["etag"]
    for value in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        response = client.get(path, headers={"if-none-match": value})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)
    assert client.get(path, headers={"if-none-match": '"x"'}).status_code == 200
    change()
    assert client.get(path, headers={"if-none-match": tag}).status_code == 200


def test_an_update_with_an_outdated_tag_is_rejected(client, resource):
    path, change = resource
    tag = client.get(path).headers["etag"]
    for wrong in ('"x"', f"W/{tag}", "x", ""):
        assert_problem(change(headers={"if-match": wrong}), 412, says="Read it again")
    assert client.get(path).headers["etag"] == tag
    assert change(headers={"if-match": f'"x", {tag}'}).status_code == 200
    assert_problem(change(headers={"if-match": tag}), 412)
    assert change(headers={"if-match": "*"}).status_code == 200


def test_a_lifecycle_change_returns_the_new_tag(client, api):
    path, change = f"{APIS}/{api['id']}", {"apiId": api["id"], "action": "Publish"}
    before = client.get(path).headers["etag"]
    answer = client.post(f"{APIS}/change-lifecycle", params=change, headers={"if-match": before})
    assert answer.headers["etag"] == client.get(path).headers["etag"] != before


@pytest.mark.parametrize("path", [f"{APIS}/{{id}}", f"{CERTIFICATES}/pizza-backend"])
def test_a_deletion_with_an_outdated_tag_is_rejected(client, api, path):
    assert upload(client, issue("pizza.test").pem).status_code == 201
    path = path.format_map(api)
    tag = client.get(path).headers["etag"]
    assert_problem(client.delete(path, headers={"if-match": '"x"'}), 412)
    assert client.delete(path, headers={"if-match": tag}).status_code == 200


@pytest.mark.usefixtures("api")
def test_trust_settings_with_an_outdated_tag_are_rejected(client):
    path, at = f"{ENDPOINTS}/trust-settings", {"params": {"endpoint": URL}}
    before = client.get(path, **at).headers["etag"]
    assert upload(client, issue("pizza.test").pem).status_code == 201
    assert client.get(path, **at).headers["etag"] == before
    response = client.put(path, **at, json={"names": ["a.test"]}, headers={"if-match": before})
    assert (response.status_code, response.headers["etag"]) == (200, client.get(path, **at).headers["etag"])
    assert_problem(client.put(path, **at, json={}, headers={"if-match": before}), 412, says="Read it again")
    assert client.get(path, **at).json()["names"] == ["a.test"]


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("action", ["retire", "undo"])
def test_retire_and_undo_with_an_outdated_tag_are_rejected(client, action):
    path = f"{CERTIFICATES}/pizza-backend"
    assert upload(client, issue("pizza.test").pem).status_code == 201
    tag = client.get(path).headers["etag"]
    response = client.put(f"{path}?keepPrevious=true", files={"certificate": ("new.pem", issue("pizza.test").pem)})
    assert_problem(client.post(f"{path}/{action}", headers={"if-match": tag}), 412)
    answer = client.post(f"{path}/{action}", headers={"if-match": response.headers["etag"]})
    assert (answer.status_code, answer.headers["etag"]) == (200, client.get(path).headers["etag"])


def test_a_lifecycle_change_with_an_outdated_tag_is_rejected(client, api):
    tag = client.get(f"{APIS}/{api['id']}").headers["etag"]
    publish = {"params": {"apiId": api["id"], "action": "Publish"}, "headers": {"if-match": tag}}
    assert client.post(f"{APIS}/change-lifecycle", **publish).status_code == 200
    assert_problem(client.post(f"{APIS}/change-lifecycle", **publish), 412)
