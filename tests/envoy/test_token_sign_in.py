"""Gateways sign in to backends with access tokens, which they get from a token endpoint that they verify."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any
from urllib.parse import quote_plus

import httpx2
import pytest

from issuing import issue
from load import Load
from running import Holdfast, PublishedApi, refusal, wait_until
from token_server import TokenServer, protected_backend

pytestmark = pytest.mark.envoy
SERVER, TOKENS = issue("127.0.0.1"), issue("127.0.0.1")
SECRET, PASSWORD = "s3cret & more", "pass wörd+%26"
FOR_USER = {"grantType": "PASSWORD", "username": "till:1", "password": PASSWORD}


def oauth(tokens: TokenServer, secret: str = SECRET, **more: Any) -> dict[str, Any]:
    members = {"enabled": True, "type": "OAUTH", "grantType": "CLIENT_CREDENTIALS", "tokenUrl": tokens.url}
    return members | {"clientId": "shop", "clientSecret": secret, "customParameters": {"scope": "read"}} | more


def secure(holdfast: Holdfast, api: PublishedApi, url: str, security: dict[str, Any]) -> httpx2.Response:
    config = {
        "endpoint_type": "http",
        "production_endpoints": {"url": url},
        "endpoint_security": {"production": security},
    }
    return holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config})


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer(TOKENS) as running:
        yield running


@pytest.fixture
def backend(tokens: TokenServer) -> Iterator[str]:
    with protected_backend(SERVER, tokens) as url:
        yield url


@pytest.fixture
def api(holdfast: Holdfast, backend: str) -> PublishedApi:
    return holdfast.publish_trusted_api(backend, SERVER.pem)


@pytest.fixture
def signed_in(holdfast: Holdfast, tokens: TokenServer, backend: str, api: PublishedApi) -> PublishedApi:
    """The API, once its gateway has a token."""
    answer = secure(holdfast, api, backend, oauth(tokens))
    assert answer.is_success, answer.text
    holdfast.import_certificate(tokens.url, TOKENS.pem)
    wait_until(lambda: holdfast.call(api.path).is_success)
    return api


def call_and_list_failures(holdfast: Holdfast, api: PublishedApi) -> list[dict[str, Any]]:
    holdfast.call(api.path)
    failures: list[dict[str, Any]] = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
    return failures


def causes(holdfast: Holdfast, api: PublishedApi) -> list[str]:
    return [failure["code"] for failure in call_and_list_failures(holdfast, api)]


def find_only_failure(holdfast: Holdfast, api: PublishedApi, code: str) -> dict[str, Any] | None:
    failures = call_and_list_failures(holdfast, api)
    return failures[0] if [failure["code"] for failure in failures] == [code] else None


def missing_tokens(holdfast: Holdfast, api: PublishedApi) -> list[dict[str, Any]]:
    return [token for token in wait_until(lambda: report(holdfast))["missingTokens"] if api.id in token["backend"]]


def report(holdfast: Holdfast) -> dict[str, Any] | None:
    """Return what the gateway reported last; None before that, as after its restart."""
    (gateway,) = holdfast.rest.get("/gateways").json()["list"]
    connection: dict[str, Any] = gateway["connection"] or {}
    return connection.get("report")


def test_tokens_are_requested_only_from_a_trusted_endpoint(
    holdfast: Holdfast, tokens: TokenServer, backend: str, api: PublishedApi
):
    assert secure(holdfast, api, backend, oauth(tokens)).is_success
    wait_until(lambda: not holdfast.call(api.path).is_success)
    wait_until(lambda: refusal(holdfast.call(api.path)) == "503 backend_sign_in_failed")
    # Read once: it is forgotten if the publisher learns only now that the gateway has the change.
    failure = wait_until(lambda: find_only_failure(holdfast, api, "token_endpoint_not_trusted"))
    assert "self_signed_not_trusted" in str(failure), failure
    assert tokens.headers == []
    usage = holdfast.rest.get("/endpoint-certificates", params={"endpoint": tokens.url})
    assert usage.is_success
    alias = holdfast.import_certificate(tokens.url, TOKENS.pem)
    wait_until(lambda: holdfast.call(api.path).is_success)
    assert (
        holdfast.call(api.path, headers={"Authorization": "Bearer callers"}).json()["token"] == tokens.list_issued()[-1]
    )
    assert tokens.forms == [{"grant_type": ["client_credentials"], "scope": ["read"]}]
    assert not {name.lower() for name in tokens.headers[0]} & {"x-forwarded-for", "x-holdfast-probe", "x-request-id"}
    body = holdfast.rest.get(f"/endpoint-certificates/{alias}/usage").json()
    assert [entry["id"] for entry in body["list"]] == [api.id]


def test_tokens_are_renewed_without_a_failed_request(
    holdfast: Holdfast, tokens: TokenServer, backend: str, signed_in: PublishedApi
):
    tokens.lifetime, tokens.grace = 6, 30  # renewed about a second before, unless the machine is busy
    tokens.secrets.add("rotated")
    with Load(holdfast, signed_in.path) as load:
        assert secure(holdfast, signed_in, backend, oauth(tokens, "rotated")).is_success
        count = len(tokens.list_issued())
        wait_until(lambda: len(tokens.list_issued()) >= count + 3, within=40)
        load.go_on()
    assert set(load.answers) == {"200"}
    assert min(later - earlier for earlier, later in pairwise(tokens.times[count:])) < tokens.lifetime


def test_a_token_that_the_backend_rejects_is_replaced_once(
    holdfast: Holdfast, tokens: TokenServer, signed_in: PublishedApi
):
    (first,) = tokens.list_issued()
    tokens.revoke()
    wait_until(lambda: holdfast.call(signed_in.path).is_success, within=40)
    assert tokens.list_issued()[0] == first
    assert len(tokens.list_issued()) == 2
    # However many requests a backend answers with 401, the gateway doesn't ask for a token each time.
    tokens.revoke()
    with Load(holdfast, signed_in.path) as load:
        load.go_on()
    assert set(load.answers) == {"401 unauthorized"}
    assert len(tokens.headers) == 2


def test_a_valid_token_is_used_while_its_endpoint_is_down(
    holdfast: Holdfast, tokens: TokenServer, signed_in: PublishedApi, backend: str
):
    tokens.lifetime = 12
    tokens.secrets.add("rotated")
    assert secure(holdfast, signed_in, backend, oauth(tokens, "rotated")).is_success
    count = len(tokens.list_issued())
    wait_until(lambda: len(tokens.list_issued()) > count, within=40)
    wait_until(lambda: holdfast.call(signed_in.path).json().get("token") == tokens.list_issued()[-1])
    wait_until(lambda: not missing_tokens(holdfast, signed_in))

    def is_announced() -> bool:
        """Stop the endpoint; return whether the gateway says, before any request fails, until when none does."""
        tokens.stop()
        (missing,) = wait_until(lambda: missing_tokens(holdfast, signed_in))
        assert missing["cause"] == "token_endpoint_unreachable"
        if missing["validUntil"]:
            return True
        tokens.start()  # the machine is busy: the token has expired already
        wait_until(lambda: missing_tokens(holdfast, signed_in) == [])
        return False

    wait_until(is_announced, within=120)
    attention = holdfast.rest.get("/attention").json()["list"]
    assert "missing-tokens" in [item["kind"] for item in attention]
    wait_until(lambda: "token_endpoint_unreachable" in causes(holdfast, signed_in), within=40)
    assert refusal(holdfast.call(signed_in.path)) == "503 backend_sign_in_failed"
    wait_until(lambda: [token["validUntil"] for token in missing_tokens(holdfast, signed_in)] == [None])
    tokens.start()
    wait_until(lambda: holdfast.call(signed_in.path).is_success, within=40)
    wait_until(lambda: missing_tokens(holdfast, signed_in) == [])


def test_restarts_need_no_new_token(holdfast: Holdfast, tokens: TokenServer, signed_in: PublishedApi):
    tokens.stop()
    with Load(holdfast, signed_in.path) as load:
        holdfast.kill_publisher()
        holdfast.kill_agent()
        holdfast.start()
        load.go_on()
    assert set(load.answers) == {"200"}
    holdfast.kill_envoy()
    wait_until(lambda: _answers(holdfast, signed_in), within=40)
    tokens.start()


def _answers(holdfast: Holdfast, api: PublishedApi) -> bool:
    try:
        return holdfast.call(api.path).is_success
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize(
    ("wrong", "right", "why"),
    [
        ({"clientSecret": "wrong secret"}, {}, "status 401, invalid_client"),
        (FOR_USER | {"password": "wrong secret"}, FOR_USER, "status 400, invalid_grant"),
    ],
)
def test_rejected_secrets_are_explained_and_nothing_leaks(
    holdfast: Holdfast,
    tokens: TokenServer,
    backend: str,
    api: PublishedApi,
    wrong: dict[str, str],
    right: dict[str, str],
    why: str,
):
    wrong_put = secure(holdfast, api, backend, oauth(tokens) | wrong)
    holdfast.import_certificate(tokens.url, TOKENS.pem)
    wait_until(lambda: causes(holdfast, api) == ["token_request_rejected"], within=40)
    failures = holdfast.rest.get(f"/apis/{api.id}/failures")
    assert why in failures.text
    # A secret that is left out stays.
    unchanged_secret = {"clientSecret": ""} if right else {}
    right_put = secure(holdfast, api, backend, oauth(tokens) | right | unchanged_secret)
    wait_until(lambda: holdfast.call(api.path).is_success, within=40)
    user = {name: [right[name]] for name in ("username", "password") if right}
    assert tokens.forms == [{"grant_type": ["password" if right else "client_credentials"], "scope": ["read"], **user}]
    response = holdfast.rest.get(f"/apis/{api.id}")
    security = response.json()["endpointConfig"]["endpoint_security"]["production"]
    assert security == oauth(tokens, "") | right | ({"password": ""} if right else {})
    assert holdfast.rest.put(f"/apis/{api.id}", json=response.json()).is_success
    audit = holdfast.rest.get("/audit-events", params={"limit": 20})
    assert "secretId" in audit.text
    export = holdfast.rest.get("/apis/export", params={"apiId": api.id})
    (admin_socket,) = holdfast.data.parent.rglob("admin")
    with httpx2.Client(
        transport=httpx2.HTTPTransport(uds=str(admin_socket)), base_url="http://admin", timeout=30
    ) as admin:
        dumps = [admin.get(path) for path in ("/config_dump?include_eds", "/init_dump", "/stats", "/clusters")]
    assert "token/" in dumps[0].text
    assert "token-request/" not in dumps[0].text
    parts = [answer.content for answer in (wrong_put, failures, right_put, response, audit, export, *dumps)]
    for file in holdfast.data.parent.rglob("*"):
        with suppress(FileNotFoundError):  # some are replaced meanwhile
            parts += [file.read_bytes()] if file.is_file() else []
    for secret in (SECRET, PASSWORD, quote_plus(PASSWORD), "wrong secret", "wrong+secret", *tokens.list_issued()):
        assert not [content for content in parts if secret.encode() in content]


def test_a_stored_client_secret_is_sent_to_no_other_token_endpoint(
    holdfast: Holdfast, backend: str, signed_in: PublishedApi
):
    with TokenServer(TOKENS) as stranger:
        response = secure(holdfast, signed_in, backend, oauth(stranger, ""))
        assert response.status_code == 400
        assert "clientSecret" in response.text
        assert "Enter the secret again" in response.text
        assert secure(holdfast, signed_in, backend, oauth(stranger)).is_success
        holdfast.import_certificate(stranger.url, TOKENS.pem)
        wait_until(stranger.list_issued)
        with protected_backend(SERVER, stranger) as other:
            # Not even with a wrong secret.
            assert secure(holdfast, signed_in, other, oauth(stranger, "guessed")).is_success
            holdfast.import_certificate(other, SERVER.pem)
            wait_until(lambda: not holdfast.call(signed_in.path).is_success)
            wait_until(lambda: refusal(holdfast.call(signed_in.path)) == "503 backend_sign_in_failed")


def test_a_prototype_needs_no_token(holdfast: Holdfast, tokens: TokenServer, signed_in: PublishedApi):
    members = {"endpointImplementationType": "MOCKED_OAS"}
    assert holdfast.rest.put(f"/apis/{signed_in.id}", json=members).is_success
    wait_until(lambda: "token" not in holdfast.call(signed_in.path).text)
    tokens.stop()
    wait_until(lambda: missing_tokens(holdfast, signed_in) == [])
    tokens.start()
    assert holdfast.rest.put(f"/apis/{signed_in.id}", json={"endpointImplementationType": "ENDPOINT"}).is_success
    wait_until(lambda: "token" in holdfast.call(signed_in.path).text)


def test_redirects_of_token_endpoints_are_not_followed(
    holdfast: Holdfast, tokens: TokenServer, backend: str, api: PublishedApi
):
    with TokenServer(TOKENS) as elsewhere:
        tokens.answer = 307, {"Location": elsewhere.url}, b""
        assert secure(holdfast, api, backend, oauth(tokens)).is_success
        holdfast.import_certificate(tokens.url, TOKENS.pem)
        wait_until(lambda: causes(holdfast, api) == ["token_answer_invalid"], within=40)
        assert elsewhere.headers == []
