"""The default version of an API, at its context without a version."""

from collections.abc import Iterator
from typing import Any

import pytest

from backends import Backend
from running import Holdfast, refusal, wait_until

pytestmark = pytest.mark.envoy
NOT_FOUND = "404 not_found"


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend(None) as running:
        yield running


def create(holdfast: Holdfast, backend: Backend, context: str, version: str, **members: Any) -> str:
    """Create and publish an API whose requests reach `/VERSION` of the backend, and return its id."""
    config = {"production_endpoints": {"url": backend.url(f"/{version}")}}
    body = {"name": context.strip("/").replace("/", "-"), "context": context, "version": version}
    response = holdfast.rest.post("/apis", json={**body, "endpointConfig": config, **members})
    assert response.status_code == 201, response.text
    return act(holdfast, response.json()["id"], "Publish")


def act(holdfast: Holdfast, api_id: str, action: str) -> str:
    response = holdfast.rest.post("/apis/change-lifecycle", params={"action": action, "apiId": api_id})
    assert response.status_code == 200, response.text
    return api_id


def change(holdfast: Holdfast, api_id: str, **members: Any) -> None:
    assert holdfast.rest.put(f"/apis/{api_id}", json=members).status_code == 200


def find_target(holdfast: Holdfast, path: str) -> str:
    """Return the path that the backend was asked for, or the gateway's error."""
    response = holdfast.call(path)
    return response.json()["path"] if response.status_code == 200 else refusal(response)


def wait_for(holdfast: Holdfast, path: str, expected: str) -> None:
    wait_until(lambda: find_target(holdfast, path) == expected or None)


def defaults(holdfast: Holdfast, *ids: str) -> list[bool]:
    return [holdfast.rest.get(f"/apis/{api_id}").json()["isDefaultVersion"] for api_id in ids]


def test_the_default_version_moves_and_the_longest_path_wins(holdfast: Holdfast, backend: Backend):
    first = create(holdfast, backend, "/tarts", "1.0.0", isDefaultVersion=True)
    wait_for(holdfast, "/tarts/menu?size=1", "/1.0.0/menu?size=1")
    assert find_target(holdfast, "/tarts?size=1") == "/1.0.0?size=1"
    assert find_target(holdfast, "/tarts") == "/1.0.0"
    assert find_target(holdfast, "/tarts/1.0.0/menu") == "/1.0.0/menu"
    assert find_target(holdfast, "/x/../tarts?a=/b") == "/1.0.0?a=/b"
    assert find_target(holdfast, "/tartsx/menu") == NOT_FOUND
    second = create(holdfast, backend, "/tarts", "2.0.0", isDefaultVersion=True)
    wait_for(holdfast, "/tarts/menu", "/2.0.0/menu")
    assert defaults(holdfast, first, second) == [False, True]
    assert find_target(holdfast, "/tarts/1.0.0/menu") == "/1.0.0/menu"
    below = create(holdfast, backend, "/tarts/extra", "3", isDefaultVersion=True)
    wait_for(holdfast, "/tarts/extra/3/x", "/3/x")
    assert find_target(holdfast, "/tarts/extra/x") == "/3/x"
    assert find_target(holdfast, "/tarts/extrax") == "/2.0.0/extrax"
    change(holdfast, second, isDefaultVersion=False)
    wait_for(holdfast, "/tarts/menu", NOT_FOUND)
    assert find_target(holdfast, "/tarts/extra/x") == "/3/x"
    holdfast.rest.delete(f"/apis/{below}")


def test_a_new_default_version_takes_over_when_it_is_published(holdfast: Holdfast, backend: Backend):
    first = create(holdfast, backend, "/cakes", "1", isDefaultVersion=True)
    wait_for(holdfast, "/cakes/x", "/1/x")
    copy = holdfast.rest.post(
        "/apis/copy-api", params={"apiId": first, "newVersion": "2", "defaultVersion": "true"}
    ).json()["id"]
    change(holdfast, copy, endpointConfig={"production_endpoints": {"url": backend.url("/2")}})
    assert defaults(holdfast, first, copy) == [False, True]
    assert find_target(holdfast, "/cakes/x") == "/1/x"
    act(holdfast, copy, "Publish")
    wait_for(holdfast, "/cakes/x", "/2/x")
    act(holdfast, copy, "Deprecate")
    act(holdfast, copy, "Retire")
    wait_for(holdfast, "/cakes/x", NOT_FOUND)
    assert find_target(holdfast, "/cakes/1/x") == "/1/x"


def test_deleting_a_default_version_that_never_was_published_gives_the_path_back(holdfast: Holdfast, backend: Backend):
    first = create(holdfast, backend, "/pies", "1", isDefaultVersion=True)
    params = {"apiId": first, "newVersion": "2", "defaultVersion": "true"}
    copy = holdfast.rest.post("/apis/copy-api", params=params).json()["id"]
    holdfast.rest.delete(f"/apis/{copy}")
    assert defaults(holdfast, first) == [True]
    wait_for(holdfast, "/pies/x", "/1/x")
    holdfast.rest.delete(f"/apis/{first}")
    wait_for(holdfast, "/pies/x", NOT_FOUND)


def test_a_path_belongs_to_one_api(holdfast: Holdfast, backend: Backend):
    create(holdfast, backend, "/buns/sweet", "1", isDefaultVersion=True)
    body = {"name": "buns", "context": "/buns", "version": "sweet"}
    assert holdfast.rest.post("/apis", json=body).status_code == 409
    create(holdfast, backend, "/rolls", "sweet")
    body = {"name": "rolls-sweet", "context": "/rolls/sweet", "version": "1", "isDefaultVersion": True}
    assert holdfast.rest.post("/apis", json=body).status_code == 409


def test_backends_learn_the_path_that_the_caller_used(holdfast: Holdfast, backend: Backend):
    create(holdfast, backend, "/scones", "1", isDefaultVersion=True)
    wait_for(holdfast, "/scones/x", "/1/x")
    for path in ("/scones", "/scones/1"):
        headers = {name.lower(): value for name, value in holdfast.call(f"{path}/x").json()["headers"].items()}
        assert headers["x-forwarded-prefix"] == path
