"""Authentication and authorization, and the challenges in responses to rejected requests."""

import base64
import re
from datetime import timedelta

import pytest

from holdfast.services.access.accounts import SESSION_COOKIE, SESSION_LASTS
from holdfast.services.access.attempts import FREE
from holdfast.services.access.permissions import Role
from rest.calls import APIS, PREFIX, api_body, assert_problem, create_api

BASIC = 'Basic realm="Holdfast", charset="UTF-8"'
BEARER = 'Bearer realm="Holdfast"'
REFUSED = "The token is unknown, expired or revoked."
INVALID_TOKEN = f'{BEARER}, error="invalid_token", error_description="{REFUSED}"'


@pytest.fixture
def anybody(shared_runtime, connect, berta):
    """A client without credentials, at its own address: failures of others don't slow it down."""
    return connect(shared_runtime, client=(berta.organization, 50000))


def basic(name, password):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def assert_unauthorized(response, *challenges, says="The user name or password is wrong."):
    assert_problem(response, 401, says=says)
    assert response.headers.get_list("www-authenticate") == list(challenges or [BASIC])
    assert "set-cookie" not in response.headers


def assert_nobody(response):
    assert_unauthorized(response, BASIC, BEARER, says="You aren't signed in.")


def assert_token_refused(response):
    assert_unauthorized(response, INVALID_TOKEN, says=REFUSED)
    assert "password" not in response.text


def test_every_operation_requires_authentication(client, anybody):
    paths = client.get("/openapi.json").json()["paths"]
    # Applications request tokens and machines join; test_oauth_door.py and test_joining_door.py cover them.
    others = re.compile("/oauth2/|/gateways/join$")
    calls = [(method, path) for path, operations in paths.items() for method in operations if not others.search(path)]
    assert len(calls) > 30
    for method, path in calls:
        response = anybody.request(method, re.sub(r"\{\w+\}", "x", path))
        assert response.status_code == 401, (method, path)
        if method != "head":
            assert_nobody(response)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_a_name_and_password_authenticate(anybody, berta, password, scheme):
    header = basic(berta.name, password)["authorization"].replace("Basic", scheme)
    response = anybody.get(APIS, headers={"authorization": header})
    assert response.status_code == 200
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("wrong", ["", "wrong", "crisp-thin-päsword ", "CRISP-THIN-PÄSWORD", "x" * 5000])
def test_a_wrong_password_is_rejected(anybody, berta, wrong):
    assert_unauthorized(anybody.get(APIS, headers=basic(berta.name, wrong)))


@pytest.mark.parametrize("name", ["nobody", "' OR '1'='1"])
def test_an_unknown_name_is_rejected(anybody, password, name):
    assert_unauthorized(anybody.get(APIS, headers=basic(name, password)))


@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic ",
        b"Basic !!!",
        b"Basic YQ==",
        b"Basic \xff\xfe",
        b"Basic /w==",
    ],
)
def test_malformed_credentials_are_rejected(anybody, header):
    assert_unauthorized(anybody.get(APIS, headers={"authorization": header}))


@pytest.mark.parametrize("header", [b"Digest a=b", b"x", b" "])
def test_an_unknown_scheme_gets_challenges_for_the_known_ones(anybody, header):
    assert_nobody(anybody.get(APIS, headers={"authorization": header}))


@pytest.mark.parametrize("token", [b"x", b"", b'a"b', b"hfp_x", b"\xff"])
def test_an_invalid_token_gets_a_bearer_challenge(anybody, token):
    assert_token_refused(anybody.get(APIS, headers={"authorization": b"Bearer " + token}))


def test_an_expired_or_revoked_token_gets_a_bearer_challenge(runtime, connect, clock, password):
    runtime.accounts.ensure_user("default", "anna", password, clock(), reset=False)
    script, auth = connect(runtime), ("anna", password)
    for end in ("revoked", "expired"):
        body = {"name": end, "scopes": ["apim:api_view"], "expiresTime": clock.time.isoformat()}
        clock.time -= timedelta(hours=1)
        token = script.post(f"{PREFIX}/tokens", json=body, auth=auth).json()
        header = {"authorization": f"Bearer {token['token']}"}
        assert script.get(APIS, headers=header).status_code == 200
        if end == "revoked":
            assert script.delete(f"{PREFIX}/tokens/{token['id']}", auth=auth).is_success
        clock.time += timedelta(hours=1)
        assert_token_refused(script.get(APIS, headers=header))


@pytest.fixture
def bearer(client, anybody, clock):
    """Create a client that authenticates with a token with these scopes."""

    def bearer(*scopes):
        end = (clock.time + timedelta(hours=1)).isoformat()
        body = {"name": " ".join(scopes), "scopes": scopes, "expiresTime": end}
        response = client.post(f"{PREFIX}/tokens", json=body)
        assert response.status_code == 201, response.text
        anybody.headers["authorization"] = f"Bearer {response.json()['token']}"
        return anybody

    return bearer


def test_a_token_without_the_scope_gets_the_scopes_that_suffice(client, bearer):
    api = create_api(client)
    script = bearer("apim:api_view", "holdfast:endpoint_test")
    response = script.delete(f"{APIS}/{api['id']}")
    scopes = ("apim:api_delete", "apim:api_import_export", "apim:api_manage")
    assert_problem(response, 403, says=f"Use one with the scope {' or '.join(scopes)}.")
    all_scopes = " ".join(scopes)
    expected = f'{BEARER}, error="insufficient_scope", scope="{all_scopes}"'
    assert response.headers["www-authenticate"] == expected
    for scope in scopes:
        assert scope in client.get(f"{PREFIX}/settings").json()["scopes"]


def test_no_scopes_are_named_if_none_would_suffice(bearer):
    response = bearer("apim:api_view").get(f"{PREFIX}/tokens")
    assert_problem(response, 403, says="No token can do this: sign in instead.")
    assert response.headers["www-authenticate"] == f'{BEARER}, error="insufficient_scope"'


def test_a_missing_role_gets_no_challenge(sign_in, enlist, berta, anybody, password):
    viewer = enlist(berta.organization, f"viewer of {berta.organization}", Role.VIEWER)
    for response in (
        sign_in(viewer).post(APIS, json=api_body()),
        anybody.post(APIS, json=api_body(), headers=basic(viewer.name, password)),
    ):
        assert_problem(response, 403, says="You need the permission 'create_apis'")
        assert "www-authenticate" not in response.headers


def test_scripts_of_pages_get_no_basic_challenge(anybody, berta):
    page = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
    assert_unauthorized(anybody.get(APIS, headers=page), BEARER, says="You aren't signed in.")
    assert_unauthorized(anybody.get(APIS, headers=page | basic(berta.name, "wrong")), BEARER)
    address_line = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
    link = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
    for headers in (address_line, link):
        assert_nobody(anybody.get(APIS, headers=headers))


def test_a_session_authenticates_until_it_expires(shared_runtime, anybody, berta):
    token = shared_runtime.accounts.start_session(berta, shared_runtime.now())
    anybody.cookies.set(SESSION_COOKIE, token)
    assert anybody.get(APIS).status_code == 200
    shared_runtime.accounts.end_session(token, shared_runtime.now())
    assert_nobody(anybody.get(APIS))


def test_an_expired_session_is_rejected(shared_runtime, anybody, berta):
    token = shared_runtime.accounts.start_session(berta, shared_runtime.now() - SESSION_LASTS)
    anybody.cookies.set(SESSION_COOKIE, token)
    assert_nobody(anybody.get(APIS))


@pytest.mark.parametrize("forge", [str.swapcase, lambda token: token[:-1], lambda _: "", lambda _: "' OR 1=1 --"])
def test_a_forged_cookie_is_rejected(shared_runtime, anybody, berta, forge):
    token = shared_runtime.accounts.start_session(berta, shared_runtime.now())
    anybody.cookies.set(SESSION_COOKIE, forge(token))
    assert_nobody(anybody.get(APIS))


def test_a_session_does_not_help_with_a_wrong_password(client, berta):
    assert_unauthorized(client.get(APIS, headers=basic(berta.name, "wrong")))
    assert_token_refused(client.get(APIS, headers={"authorization": "Bearer x"}))


def test_guessing_is_slowed_down(anybody, berta, password):
    for _ in range(FREE + 1):
        assert_unauthorized(anybody.get(APIS, headers=basic(berta.name, "wrong")))
    response = anybody.get(APIS, headers=basic(berta.name, password))
    assert_problem(response, 429, says="Try again in 1 seconds")
    assert response.headers["retry-after"] == "1"


def test_the_slow_down_does_not_end_the_sessions_of_the_user(client, anybody, berta):
    for _ in range(FREE + 2):
        anybody.get(APIS, headers=basic(berta.name, "wrong"))
    assert client.get(APIS).status_code == 200
