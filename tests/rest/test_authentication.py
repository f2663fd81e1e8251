"""Who may call, and how those who may not are told."""

import base64
import re

import pytest

from holdfast.services.accounts import SESSION_COOKIE, SESSION_LASTS
from holdfast.services.attempts import FREE
from rest.calls import APIS, assert_problem


@pytest.fixture
def anybody(shared_runtime, connect, berta):
    """A client that nobody has signed in with, at an address of its own: others' failures do not slow it down."""
    return connect(shared_runtime, client=(berta.organization, 50000))


def basic(name, password):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def assert_unauthorized(response):
    assert_problem(response, 401)
    assert response.headers["www-authenticate"] == 'Basic realm="Holdfast", charset="UTF-8"'
    assert "set-cookie" not in response.headers


def test_nobody_gets_anything_of_any_operation(client, anybody):
    paths = client.get("/openapi.json").json()["paths"]
    # Who may ask for tokens is an application: test_oauth_door.py asks there.
    calls = [(method, path) for path, operations in paths.items() for method in operations if "/oauth2/" not in path]
    assert len(calls) > 30
    for method, path in calls:
        response = anybody.request(method, re.sub(r"\{\w+\}", "x", path))
        assert response.status_code == 401, (method, path)
        if method != "head":
            assert_unauthorized(response)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_name_and_password_open_the_door(anybody, berta, password, scheme):
    header = basic(berta.name, password)["authorization"].replace("Basic", scheme)
    response = anybody.get(APIS, headers={"authorization": header})
    assert response.status_code == 200
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("wrong", ["", "wrong", "crisp-thin-päsword ", "CRISP-THIN-PÄSWORD", "x" * 5000])
def test_a_wrong_password_does_not(anybody, berta, wrong):
    assert_unauthorized(anybody.get(APIS, headers=basic(berta.name, wrong)))


@pytest.mark.parametrize("name", ["nobody", "' OR '1'='1"])
def test_an_unknown_name_does_not(anybody, password, name):
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
        b"Bearer x",
        b"Digest a=b",
        b"x",
    ],
)
def test_credentials_that_are_none_do_not(anybody, header):
    assert_unauthorized(anybody.get(APIS, headers={"authorization": header}))


def test_a_session_opens_the_door_until_it_ends(shared_runtime, anybody, berta):
    token = shared_runtime.accounts.start_session(berta, shared_runtime.now())
    anybody.cookies.set(SESSION_COOKIE, token)
    assert anybody.get(APIS).status_code == 200
    shared_runtime.accounts.end_session(token, shared_runtime.now())
    assert_unauthorized(anybody.get(APIS))


def test_a_session_that_is_too_old_does_not(shared_runtime, anybody, berta):
    token = shared_runtime.accounts.start_session(berta, shared_runtime.now() - SESSION_LASTS)
    anybody.cookies.set(SESSION_COOKIE, token)
    assert_unauthorized(anybody.get(APIS))


@pytest.mark.parametrize("forge", [str.swapcase, lambda token: token[:-1], lambda _: "", lambda _: "' OR 1=1 --"])
def test_a_forged_cookie_does_not(shared_runtime, anybody, berta, forge):
    token = shared_runtime.accounts.start_session(berta, shared_runtime.now())
    anybody.cookies.set(SESSION_COOKIE, forge(token))
    assert_unauthorized(anybody.get(APIS))


def test_a_cookie_does_not_make_up_for_a_wrong_password(client, berta):
    assert_unauthorized(client.get(APIS, headers=basic(berta.name, "wrong")))
    assert_unauthorized(client.get(APIS, headers={"authorization": "Bearer x"}))


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
