"""The format of errors, whatever their cause."""

import ast
from pathlib import Path

import pytest

import holdfast
from databases import without
from holdfast.rest.next_steps import KINDS
from holdfast.services.access.accounts import SESSION_COOKIE
from rest.calls import APIS, CERTIFICATES, PREFIX, RFC_9457_MEMBERS, WSO2_MEMBERS, assert_problem

SOURCES = Path(holdfast.__path__[0])
PROBLEM_JSON = "application/problem+json"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html", "application/json"),
        ("", "application/json"),
        (PROBLEM_JSON, PROBLEM_JSON),
        (f"application/json, {PROBLEM_JSON}", PROBLEM_JSON),
    ],
)
def test_errors_are_problem_json_if_the_client_accepts_it(client, accept, kind):
    for path, status in ((f"{CERTIFICATES}/nobody", 404), (f"{APIS}?limit=0", 400), (f"{PREFIX}/nothing", 404)):
        response = client.get(path, headers={"accept": accept})
        assert (response.status_code, response.headers["content-type"]) == (status, kind)
        assert_problem(response, status, *(item["code"] for item in response.json()["error"]))


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/apis/x/y", "/apis/", "/endpoint-certificates/a/b/c", "/../x"])
def test_an_unknown_path_is_not_found(client, path):
    response = client.get(f"{PREFIX}{path}")
    if response.is_redirect:  # a trailing slash
        assert response.headers["location"].endswith(f"{PREFIX}{path.rstrip('/')}")
    else:
        assert_problem(response, 404)


def test_an_object_that_is_not_found_has_a_next_step(client):
    description = client.get(f"{CERTIFICATES}/nobody").json()["description"]
    assert description == (
        "No endpoint certificate 'nobody' exists in this organization. To see all, run `holdfast certificate list` or "
        "send GET /endpoint-certificates."
    )
    page = client.get("/certificates/nobody").text
    assert ('href="/certificates">Go to Certificates' in page, "may have been deleted" in page) == (True, True)


def test_every_kind_of_object_that_is_not_found_has_a_next_step():
    sources = [path for layer in ("services", "rest") for path in (SOURCES / layer).rglob("*.py")]
    calls = [node for path in sources for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    kinds = [node.args[0] for node in calls if isinstance(node.func, ast.Name) and node.func.id == "NotFound"]
    constants = {kind.value for kind in kinds if isinstance(kind, ast.Constant)}
    assert constants | {"certificate signing request"} == KINDS


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_an_unknown_method_is_not_allowed(client, method):
    response = client.request(method, APIS)
    assert_problem(response, 405)
    assert {"GET", "POST"} & set(response.headers["allow"].replace(",", " ").split())


def test_the_types_of_errors_are_stable(client):
    def name(response):
        return response.json()["type"]

    assert name(client.get(f"{CERTIFICATES}/nobody")) == "/problems/not-found"
    assert name(client.get(APIS, headers={"authorization": "x"})) == "/problems/unauthorized"
    assert name(client.get(f"{APIS}?limit=0")) == "/problems/invalid-request"
    assert name(client.post(APIS, json={"name": "", "context": "", "version": ""})) == "/problems/invalid-field"
    assert name(client.post(APIS, content=b"x")) == "/problems/unsupported-media-type"


def test_a_failing_database_is_a_500_without_details(runtime, connect, berta, storage):
    """Only unexpected errors are a 500."""
    client = connect(runtime, raise_server_exceptions=False)
    runtime.accounts.ensure_user("default", berta.name, "secret", runtime.now(), reset=False)
    client.auth = (berta.name, "secret")
    assert client.get(APIS).status_code == 200
    with without(storage, "api"):
        response = client.get(APIS, headers={"accept": PROBLEM_JSON})
    body = response.json()
    assert body.keys() == WSO2_MEMBERS | RFC_9457_MEMBERS | {"request_id"}
    assert (response.status_code, body["request_id"]) == (500, response.headers["x-request-id"])
    assert response.headers["content-type"] == PROBLEM_JSON
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "table" not in response.text
    assert SESSION_COOKIE not in response.headers.get("set-cookie", "")


def test_rest_serves_its_description(client):
    description = client.get("/openapi.json").json()
    assert client.get(f"{PREFIX}/openapi.json").json() == description
    assert description["openapi"].startswith("3.1")
    assert {f"{APIS}/change-lifecycle", f"{CERTIFICATES}/{{alias}}/content"} <= description["paths"].keys()
