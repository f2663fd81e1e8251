"""Prototypes: gateways answer with the examples of the definition."""

import json
from typing import Any

import pytest

from backends import Backend
from running import Holdfast, PublishedApi, refusal, wait_until

pytestmark = pytest.mark.envoy
LARGE = {"text": "x" * 20_000}


def respond(example: Any, media_type: str = "application/json", status: str = "200") -> dict[str, Any]:
    return {"responses": {status: {"description": "", "content": {media_type: {"example": example}}}}}


DEFINITION = {
    "openapi": "3.0.3",
    "info": {"title": "pets", "version": "1.0"},
    "paths": {
        "/pets": {"get": respond([{"name": "Rex"}]), "post": respond({"id": 7}, status="201")},
        "/pets/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": respond({"id": 5}),
            "delete": {"responses": {"204": {"description": ""}}},
        },
        "/pets/mine": {"get": respond({"id": "mine"})},
        "/pets.csv": {"get": respond("name\nRex\n", "text/csv")},
        "/large": {"get": respond(LARGE)},
    },
}


def create(holdfast: Holdfast, definition: Any = DEFINITION) -> PublishedApi:
    api = holdfast.create_api()
    members = {"endpointImplementationType": "MOCKED_OAS"}
    assert holdfast.rest.put(f"/apis/{api.id}", json=members).status_code == 200
    put_definition(holdfast, api, definition)
    return api


def put_definition(holdfast: Holdfast, api: PublishedApi, definition: Any) -> None:
    files = {"apiDefinition": (None, json.dumps(definition))}
    response = holdfast.rest.put(f"/apis/{api.id}/swagger", files=files)
    assert response.status_code == 200, response.text


@pytest.fixture(scope="module")
def prototype(holdfast: Holdfast) -> PublishedApi:
    api = create(holdfast)
    holdfast.change_lifecycle(api, "Deploy as a Prototype")
    for sandbox in (False, True):
        wait_until(lambda sandbox=sandbox: holdfast.call(f"{api.path}/pets", sandbox=sandbox).status_code == 200)
    return api


@pytest.mark.parametrize(
    ("method", "path", "status", "media_type", "body"),
    [
        ("GET", "/pets?limit=1", 200, "application/json", [{"name": "Rex"}]),
        ("POST", "/pets", 201, "application/json", {"id": 7}),
        ("GET", "/pets/5", 200, "application/json", {"id": 5}),
        ("GET", "/pets/mine", 200, "application/json", {"id": "mine"}),
        ("GET", "/large", 200, "application/json", LARGE),
        ("GET", "/pets.csv", 200, "text/csv", "name\nRex\n"),
        ("DELETE", "/pets/5", 204, None, ""),
    ],
)
def test_the_gateway_answers_with_the_examples(holdfast, prototype, method, path, status, media_type, body):
    response = holdfast.call(prototype.path + path, method=method)
    assert (response.status_code, response.headers.get("content-type")) == (status, media_type)
    assert (response.json() if media_type == "application/json" else response.text) == body
    assert response.headers["x-request-id"]


def test_the_sandbox_answers_too(holdfast, prototype):
    assert holdfast.call(f"{prototype.path}/pets", sandbox=True).json() == [{"name": "Rex"}]


def test_other_paths_and_methods_are_refused(holdfast, prototype):
    assert refusal(holdfast.call(f"{prototype.path}/cats")) == "404 resource_not_found"
    other_method = holdfast.call(f"{prototype.path}/pets", method="PUT")
    assert (refusal(other_method), other_method.headers["allow"]) == ("405 method_not_allowed", "GET, HEAD, POST")


def test_a_new_definition_and_a_backend_replace_the_examples(holdfast):
    with Backend(None) as backend:
        replace_examples(holdfast, backend)


def replace_examples(holdfast: Holdfast, backend: Backend) -> None:
    api = create(holdfast)
    holdfast.change_lifecycle(api, "Deploy as a Prototype")
    wait_until(lambda: holdfast.call(f"{api.path}/pets").status_code == 200)
    definition = {**DEFINITION, "paths": {"/pets": {"get": respond("changed")}}}
    put_definition(holdfast, api, definition)
    wait_until(lambda: holdfast.call(f"{api.path}/pets").json() == "changed")
    config = {"endpoint_type": "http", "production_endpoints": {"url": backend.url("/base")}}
    body = {"endpointImplementationType": "ENDPOINT", "endpointConfig": config}
    assert holdfast.rest.put(f"/apis/{api.id}", json=body).status_code == 200
    wait_until(lambda: holdfast.call(f"{api.path}/elsewhere").status_code == 200)
    holdfast.change_lifecycle(api, "Publish")
    assert holdfast.call(f"{api.path}/elsewhere").json()["path"] == "/base/elsewhere"
