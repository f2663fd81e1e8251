"""Gateways sign in to backends, and nobody else learns or replaces the credential."""

import base64
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from backends import Backend, http2_backend
from issuing import issue, server_context
from running import Holdfast, PublishedApi, refusal, wait_until
from scripted import Message, ScriptedBackend, answer
from written_files import read_files

pytestmark = pytest.mark.envoy
SERVER = issue("127.0.0.1")
SECRET = "höchst geheim: 'x'"
BASIC = "Basic " + base64.b64encode(f"shop:{SECRET}".encode()).decode()
FIELD = "endpointConfig.endpoint_security.production."


def basic(password: str = SECRET, **more: Any) -> dict[str, Any]:
    return {"enabled": True, "type": "BASIC", "username": "shop", "password": password, **more}


def api_key(value: str = SECRET, header: str = "X-API-Key") -> dict[str, Any]:
    return {"type": "apikey", "apiKeyIdentifier": header, "apiKeyIdentifierType": "HEADER", "apiKeyValue": value}


def secure(holdfast: Holdfast, api: PublishedApi, url: str, security: dict[str, Any] | None) -> httpx2.Response:
    """Send what WSO2's clients send: the whole `endpointConfig`."""
    config = {
        "endpoint_type": "http",
        "production_endpoints": {"url": url},
        "endpoint_security": {"production": security},
    }
    return holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config})


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend(SERVER) as running:
        yield running


@pytest.fixture(scope="module")
def api(holdfast: Holdfast, backend: Backend) -> PublishedApi:
    return holdfast.publish_trusted_api(backend.url(), SERVER.pem)


def call_and_see(holdfast: Holdfast, api: PublishedApi, **headers: str) -> dict[str, str]:
    answer = holdfast.call(api.path, headers=headers)
    assert answer.is_success, answer.text
    return {name.lower(): value for name, value in answer.json()["headers"].items()}


def wait_for(holdfast: Holdfast, api: PublishedApi, header: str, value: str | None) -> None:
    wait_until(lambda: call_and_see(holdfast, api).get(header) == value)


def failures(holdfast: Holdfast, api: PublishedApi) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
    return entries


CALLERS = {"Authorization": "Bearer callers", "X-Api-Key": "callers", "X_Api_Key": "callers", "X-Other": "stays"}


@pytest.mark.parametrize(
    ("security", "header", "value"),
    [
        (basic(), "authorization", BASIC),
        (api_key("k-1"), "x-api-key", "k-1"),
        (api_key("Bearer k-2", "authorization"), "authorization", "Bearer k-2"),
    ],
)
def test_the_gateway_signs_in_and_what_the_caller_sent_never_arrives(
    holdfast: Holdfast, backend: Backend, api: PublishedApi, security: dict[str, Any], header: str, value: str
):
    assert secure(holdfast, api, backend.url(), security).is_success
    of_other_names = [] if header == "x-api-key" else ["callers", "callers"]

    def arrives() -> bool:
        headers = call_and_see(holdfast, api, **CALLERS)
        remaining_values = [text for text in headers.values() if "callers" in text]
        return (headers.get(header), headers.get("x-other"), remaining_values) == (value, "stays", of_other_names)

    wait_until(arrives)
    assert all(arrives() for _ in range(10))


def test_the_secret_is_in_no_answer_audit_event_log_file_or_dump(
    holdfast: Holdfast, backend: Backend, api: PublishedApi
):
    assert secure(holdfast, api, backend.url(), api_key("other")).is_success
    put = secure(holdfast, api, backend.url(), basic())
    wait_for(holdfast, api, "authorization", BASIC)
    response = holdfast.rest.get(f"/apis/{api.id}")
    security = response.json()["endpointConfig"]["endpoint_security"]
    assert security == {"production": {"enabled": True, "type": "BASIC", "username": "shop", "password": ""}}
    assert response.json()["endpointSecurity"] == {"type": "BASIC", "username": "shop", "password": ""}
    audit = holdfast.rest.get("/audit-events", params={"limit": 20})
    assert "secretId" in audit.text
    export = holdfast.rest.get("/apis/export", params={"apiId": api.id})
    (admin_socket,) = holdfast.data.parent.rglob("admin")
    transport = httpx2.HTTPTransport(uds=str(admin_socket))
    with httpx2.Client(transport=transport, base_url="http://admin", timeout=30) as admin:
        dumps = [admin.get(path) for path in ("/config_dump?include_eds", "/init_dump", "/stats", "/clusters")]
    assert "credential/" in dumps[0].text
    parts = [answer.content for answer in (put, response, audit, export, *dumps)]
    parts += read_files(holdfast.data.parent).values()
    for content in parts:
        assert SECRET.encode() not in content
        assert BASIC.split()[1].encode() not in content


def test_an_update_that_leaves_the_secret_out_keeps_it(holdfast: Holdfast, backend: Backend, api: PublishedApi):
    assert secure(holdfast, api, backend.url(), basic()).is_success
    body = holdfast.rest.get(f"/apis/{api.id}").json()
    assert holdfast.rest.put(f"/apis/{api.id}", json=body).is_success
    assert secure(holdfast, api, backend.url("/deeper"), basic("")).is_success
    holdfast.change_endpoints(api, backend.url())  # without endpoint_security
    wait_for(holdfast, api, "authorization", BASIC)


def test_a_stored_secret_is_never_sent_to_another_origin(holdfast: Holdfast, backend: Backend, api: PublishedApi):
    assert secure(holdfast, api, backend.url(), basic()).is_success
    with Backend(SERVER) as stranger:
        for change in (
            secure(holdfast, api, stranger.url(), basic("")),
            holdfast.rest.put(
                f"/apis/{api.id}", json={"endpointConfig": {"production_endpoints": {"url": stranger.url()}}}
            ),
            secure(holdfast, api, backend.url(), api_key("")),  # a secret of another kind
        ):
            assert change.status_code == 400, change.text
            assert "Enter the secret" in change.text
        assert secure(holdfast, api, stranger.url(), basic()).is_success
        assert stranger.requests == 0
    assert secure(holdfast, api, backend.url(), basic()).is_success


@pytest.mark.parametrize("field", ["production", "sandbox"])
def test_a_secret_is_sent_over_http_only_if_the_api_allows_it(holdfast: Holdfast, field: str):
    with Backend(None) as plain:
        config = {f"{field}_endpoints": {"url": plain.url()}, "endpoint_security": {field: basic()}}
        body = {"name": f"plain-{field}", "context": f"/plain-{field}", "version": "1", "endpointConfig": config}
        response = holdfast.rest.post("/apis", json=body)
        assert response.status_code == 400
        assert f"endpointConfig.endpoint_security.{field}.allowUnencrypted" in response.text
        config["endpoint_security"] = {field: basic(allowUnencrypted=True)}
        response = holdfast.rest.post("/apis", json=body)
        api = PublishedApi(response.json()["id"], body["name"], f"/{body['name']}/1")
        holdfast.change_lifecycle(api, "Publish")
        sandbox = field == "sandbox"
        wait_until(lambda: holdfast.answers(api, sandbox=sandbox))
        assert holdfast.call(api.path, sandbox=sandbox).json()["headers"]["authorization"] == BASIC


def test_rotating_the_secret_fails_no_request(holdfast: Holdfast, backend: Backend, api: PublishedApi):
    assert secure(holdfast, api, backend.url(), api_key("old")).is_success
    wait_for(holdfast, api, "x-api-key", "old")
    answers: list[httpx2.Response] = []
    end = threading.Event()

    def call() -> None:
        with holdfast.caller() as busy:
            while not end.is_set():
                answers.append(busy.get(api.path))

    thread = threading.Thread(target=call)
    thread.start()
    for value in ("new", "newer", "newest"):
        assert secure(holdfast, api, backend.url(), api_key(value)).is_success
        wait_for(holdfast, api, "x-api-key", value)
    end.set()
    thread.join()
    assert {response.status_code for response in answers} == {200}
    # Enforced everywhere means that no gateway uses the old one: the order never reverses.
    order = list(dict.fromkeys(response.json()["headers"]["x-api-key"] for response in answers))
    assert order == [value for value in ("old", "new", "newer", "newest") if value in order]


def test_requests_over_http2_carry_the_credential(holdfast: Holdfast):
    with http2_backend(SERVER) as url:
        api = holdfast.publish_trusted_api(url, SERVER.pem)
        assert secure(holdfast, api, url, basic()).is_success
        wait_for(holdfast, api, "authorization", BASIC)
        assert holdfast.call(api.path).json()["http"] == "2"


def test_retries_carry_it_once_and_redirects_are_left_to_the_caller(holdfast: Holdfast, backend: Backend):
    lines: list[str] = []

    def drop_first_then_redirect(connection: socket.socket, message: Message) -> None:
        if "/again" in message.line and not lines:
            lines.append(message.line)
            raise EOFError
        answer(f"Location: {backend.url()}", status="302 Found")(connection, message)

    with ScriptedBackend(drop_first_then_redirect, SERVER) as site:
        api = holdfast.publish_trusted_api(site.url, SERVER.pem)
        assert secure(holdfast, api, site.url, basic()).is_success
        wait_until(lambda: holdfast.call(api.path) and site.requests[-1].all("authorization") == [BASIC])
        before, count = backend.requests, len(site.requests)
        fields = [("Authorization", "one"), ("authorization", "two")]
        assert holdfast.call(f"{api.path}/again", headers=fields).status_code == 302
        assert [request.all("authorization") for request in site.requests[count:]] == [[BASIC], [BASIC]]
        assert (len(lines), backend.requests) == (1, before)


@pytest.mark.parametrize("protocol", ["auto", "http2"])
def test_websockets_carry_the_credential(holdfast: Holdfast, protocol: str):
    def talk(connection: ServerConnection) -> None:
        if connection.request:
            connection.send(connection.request.headers["Authorization"])

    tls = server_context(SERVER)
    with serve(talk, "127.0.0.1", 0, ssl=tls) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"https://127.0.0.1:{server.socket.getsockname()[1]}"
        # Before it is published: while the protocol changes, a websocket may still use the other one.
        api = holdfast.create_api(url)
        config = {
            "production_endpoints": {"url": url, "config": {"protocol": protocol}},
            "endpoint_security": {"production": basic()},
        }
        assert holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config}).is_success
        holdfast.change_lifecycle(api, "Publish")
        holdfast.import_certificate(url, SERVER.pem)
        gateway = holdfast.gateway_url.replace("http:", "ws:")
        wait_until(lambda: holdfast.answers(api))
        headers = {"Authorization": "callers"}
        with connect(f"{gateway}{api.path}/", additional_headers=headers, open_timeout=30) as websocket:
            assert websocket.recv(timeout=30) == BASIC
        server.shutdown()
        thread.join()


def test_traces_are_refused_and_only_preflights_that_backends_answer_carry_the_credential(
    holdfast: Holdfast, backend: Backend, api: PublishedApi
):
    assert secure(holdfast, api, backend.url(), basic()).is_success
    wait_for(holdfast, api, "authorization", BASIC)
    # A backend's response to TRACE is the request that it got, so the caller would learn the credential.
    for method in ("TRACE", "trace"):
        response = holdfast.call(api.path, method)
        assert (response.status_code, response.json()["code"]) == (501, "method_not_supported")
    preflight = {"origin": "https://shop.test", "access-control-request-method": "PUT"}
    # Without a policy, the backend answers, which may require the credential.
    assert holdfast.call(api.path, "OPTIONS", headers=preflight).json()["headers"]["authorization"] == BASIC
    policy = {"corsConfigurationEnabled": True, "accessControlAllowOrigins": ["https://shop.test"]}
    response = holdfast.rest.put(f"/apis/{api.id}", json={"corsConfiguration": policy})
    assert response.is_success, response.text
    wait_until(lambda: holdfast.call(api.path, "OPTIONS", headers=preflight).content == b"")
    before = backend.requests
    for origin in ("https://shop.test", "https://evil.test"):
        assert holdfast.call(api.path, "OPTIONS", headers=preflight | {"origin": origin}).status_code == 200
    assert backend.requests == before


def test_each_member_gets_the_credential_and_a_retry_takes_it_to_another_one(holdfast: Holdfast, backend: Backend):
    with Backend(SERVER) as other:
        api = holdfast.publish_trusted_api(backend.url(), SERVER.pem)
        config: dict[str, Any] = {"endpoint_type": "load_balance", "endpoint_security": {"production": basic()}}
        config["production_endpoints"] = [{"url": backend.url()}, {"url": other.url()}]
        body = {"endpointConfig": config}
        assert holdfast.rest.put(f"/apis/{api.id}", json=body).is_success
        holdfast.import_certificate(other.url(), SERVER.pem)
        wait_until(lambda: call_and_see(holdfast, api).get("authorization") == BASIC and other.requests > 0)
    assert {call_and_see(holdfast, api)["authorization"] for _ in range(4)} == {BASIC}
    # A stored secret isn't sent to a new member.
    with Backend(SERVER) as stranger:
        config["production_endpoints"].append({"url": stranger.url()})
        config["endpoint_security"] = {"production": basic("")}
        response = holdfast.rest.put(f"/apis/{api.id}", json=body)
        assert (response.status_code, "Enter the secret again" in response.text) == (400, True)


def test_the_credential_is_not_sent_while_verification_is_off(holdfast: Holdfast, backend: Backend, api: PublishedApi):
    assert secure(holdfast, api, backend.url(), basic()).is_success
    wait_for(holdfast, api, "authorization", BASIC)
    where = {"endpoint": backend.url()}
    until = datetime.now(UTC) + timedelta(hours=1)
    body = {"reason": "The backend is being moved.", "until": until.isoformat()}
    response = holdfast.rest.put("/endpoints/trust-exception", params=where, json=body)
    assert response.is_success, response.text
    wait_until(lambda: not holdfast.call(api.path).is_success)
    assert refusal(holdfast.call(api.path)) == "503 backend_sign_in_failed"

    def is_explained() -> bool:
        assert refusal(holdfast.call(api.path)) == "503 backend_sign_in_failed"
        return [failure["code"] for failure in failures(holdfast, api)] == ["sign_in_failed"]

    wait_until(is_explained)
    assert holdfast.rest.delete("/endpoints/trust-exception", params=where).is_success
    wait_until(lambda: holdfast.call(api.path).is_success)
