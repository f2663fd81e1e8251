"""Pages that create an API from a definition, and edit and copy one."""

import json

import pytest

from holdfast.services.access.permissions import Role
from rest.calls import APIS, URL, assert_problem, create_api

DEFINITION = {
    "openapi": "3.0.3",
    "info": {"title": "Orders", "version": "2.1.0", "description": "Orders of pizzas"},
    "servers": [{"url": URL}],
    "paths": {"/orders": {"get": {"responses": {"200": {"description": "OK"}}}}},
}
HTMX = {"HX-Request": "true"}


def file(content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {"file": ("openapi.json", data)}


def test_a_definition_suggests_the_values_of_the_api(client):
    answer = client.post("/apis/import/preview", files=file(DEFINITION), headers=HTMX)
    assert answer.status_code == 200
    for value in ("Orders", "2.1.0", URL, "1 operation<"):
        assert value in answer.text
    assert client.get(APIS).json()["count"] == 0


def test_an_api_is_created_from_only_a_definition(client):
    answer = client.post("/apis/import", files=file(DEFINITION))
    api = client.get(APIS + answer.headers["location"].removeprefix("/apis").partition("?")[0]).json()
    assert (api["name"], api["version"], api["description"]) == ("Orders", "2.1.0", "Orders of pizzas")
    assert api["endpointConfig"]["production_endpoints"]["url"] == URL
    assert "/orders" in client.get(f"/apis/{api['id']}/definition").text


def test_typed_values_override_the_definition(client):
    fields = {"name": "Other", "context": "/other", "version": "3", "endpoint": "https://other.test"}
    answer = client.post("/apis/import", files=file(DEFINITION), data=fields)
    api = client.get(APIS + answer.headers["location"].removeprefix("/apis").partition("?")[0]).json()
    assert (api["name"], api["context"], api["version"]) == ("Other", "/other", "3")


@pytest.mark.parametrize("content", [b"", b"{", b'{"openapi": "3.0.3"}', b"\xff"])
def test_an_invalid_definition_is_explained_before_and_after(client, content):
    for path, status in (("/apis/import/preview", 200), ("/apis/import", 422)):
        answer = client.post(path, files=file(content))
        assert answer.status_code == status
        assert "finding-error" in answer.text
    assert client.get(APIS).json()["count"] == 0


def test_the_definition_is_downloaded_and_replaced(client):
    path = f"/apis/{create_api(client)['id']}/definition"
    response = client.get(f"{path}/download")
    assert response.headers["content-disposition"].startswith("attachment")
    assert response.json()["info"]["title"] == "Pizza"
    assert client.post(f"{path}/replace", files=file(DEFINITION)).status_code == 303
    assert client.get(f"{path}/download").json() == DEFINITION
    answer = client.post(f"{path}/replace", files=file(b"{"), headers=HTMX)
    assert (answer.status_code, "file-error" in answer.text) == (422, True)
    assert client.get(f"{path}/download").json() == DEFINITION


def test_the_description_is_edited(client):
    path = f"/apis/{create_api(client)['id']}"
    answer = client.post(f"{path}/edit", data={"description": "Fresh <b>pizzas</b>"}, headers=HTMX)
    assert answer.headers["hx-redirect"].startswith(path)
    assert "Fresh &lt;b&gt;pizzas&lt;/b&gt;" in client.get(path).text
    answer = client.post(f"{path}/edit", data={"description": "\u202e"}, headers=HTMX)
    assert (answer.status_code, "description-error" in answer.text) == (422, True)


def test_a_copy_is_a_new_version(client):
    api = create_api(client)
    answer = client.post(f"/apis/{api['id']}/copy", data={"version": "2.0.0"})
    copy = client.get(APIS + answer.headers["location"].removeprefix("/apis").partition("?")[0]).json()
    assert (copy["name"], copy["version"], copy["endpointConfig"]) == ("Pizza", "2.0.0", api["endpointConfig"])
    assert copy["isDefaultVersion"] is False
    answer = client.post(f"/apis/{api['id']}/copy", data={"version": "3.0.0", "default": "true"})
    copy = client.get(APIS + answer.headers["location"].removeprefix("/apis").partition("?")[0]).json()
    assert copy["isDefaultVersion"] is True
    for version in ("2.0.0", "a version"):
        answer = client.post(f"/apis/{api['id']}/copy", data={"version": version}, headers=HTMX)
        assert (answer.status_code, "version-error" in answer.text) == (422, True)


def test_a_new_api_can_have_a_sandbox_and_a_description(client):
    fields = {"name": "Pizza", "context": "/pizza", "version": "1", "endpoint": URL, "sandbox": "http://sandbox.test"}
    answer = client.post("/apis/new", data=fields | {"description": "Fresh"})
    api = client.get(APIS + answer.headers["location"].removeprefix("/apis").partition("?")[0]).json()
    assert api["endpointConfig"]["sandbox_endpoints"]["url"] == "http://sandbox.test"
    assert api["description"] == "Fresh"


def test_the_command_to_try_an_api_calls_its_first_operation_without_parameters(client):
    operations = [
        {"target": target, "verb": verb} for target, verb in (("/{id}", "GET"), ("/a", "POST"), ("/b c", "GET"))
    ]
    api = create_api(client, operations=operations)
    client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": "Publish"})
    page = client.get(f"/apis/{api['id']}").text
    assert "/1.0.0/b c&#39;" in page


TYPES: dict[str, tuple[dict[str, object], str]] = {
    "http": ({"type": "HTTP"}, "http"),
    "soap": ({"type": "SOAP"}, "address"),
    "grpc": ({"type": "GRPC", "isDefaultVersion": True}, "http"),
    "websocket": ({"type": "WS"}, "ws"),
    "prototype": ({"endpointImplementationType": "MOCKED_OAS"}, "http"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_a_new_api_gets_what_its_endpoint_type_means(enlist, sign_in, kind):
    client = sign_in(enlist("default", f"new {kind}", Role.ADMIN))
    url = {"endpoint": f"http://{kind}.test"}  # of a prototype, the page hides what was typed before
    form = {"name": f"New {kind}", "context": f"/new-{kind}", "version": "1", "endpoint_type": kind} | url
    answer = client.post("/apis/new", data=form)
    api = client.get(APIS + answer.headers["location"].removeprefix("/apis").partition("?")[0]).json()
    members, endpoint_type = TYPES[kind]
    config = api["endpointConfig"]
    assert ({name: api[name] for name in members}, config["endpoint_type"]) == (members, endpoint_type)
    assert ("production_endpoints" in config) == (kind != "prototype")
    if kind == "grpc":
        assert config["production_endpoints"]["config"]["protocol"] == "http2"
    page = client.get(f"/apis/{api['id']}/endpoints").text
    assert ("instead of a backend" in page) == (kind in {"http", "soap"})  # a prototype has the examples already
    client.delete(f"{APIS}/{api['id']}")


def test_grpc_apis_are_refused_where_clients_cannot_call_them(client):
    form = {"name": "Shop", "context": "/shop.v1.Orders", "version": "1", "endpoint_type": "grpc", "endpoint": URL}
    answer = client.post("/apis/new", data=form)
    assert (answer.status_code, "gRPC clients call /package.Service/Method" in answer.text) == (422, True)
    api = create_api(client)
    assert_problem(client.put(f"{APIS}/{api['id']}", json={"type": "GRPC"}), 400, "type", says="begin with /t/")


@pytest.mark.parametrize(("address", "is_shown"), [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False)])
def test_only_who_signs_in_on_the_same_machine_sees_where_the_first_password_is(
    connect, shared_runtime, address, is_shown
):
    anonymous = connect(shared_runtime, client=(address, 50000))
    assert ("admin-password" in anonymous.get("/sign-in").text) == is_shown


def test_the_overview_names_members_that_have_no_effect(client):
    api = create_api(client, enableSchemaValidation=True)
    assert "<code>enableSchemaValidation</code>" in client.get(f"/apis/{api['id']}").text
