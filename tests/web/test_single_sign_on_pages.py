"""Sign-in through an identity provider: redirect, callback, roles and tokens."""

import base64
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.openid.provider import Provider, ProviderSettings
from holdfast.services.access.permissions import Role
from holdfast.services.access.single_sign_on import SIGN_IN_COOKIE, SingleSignOn
from holdfast.services.access.tokens import CONFIRMED_FOR
from holdfast.services.access.users import LAST_ADMIN
from rest.calls import APIS
from running import NO_TLS
from scripted_provider import CLIENT, SECRET, ScriptedProvider

PASSWORD = "several quite new words"


@pytest.fixture
def provider():
    with ScriptedProvider().serving() as provider:
        provider.claims = {"preferred_username": "dora", "groups": ["api-team"]}
        yield provider


@pytest.fixture
def single_sign_on(runtime, anna, provider, clock):
    """A separate control plane whose users sign in through *provider*."""
    del anna  # needed for the organization
    runtime.accounts.ensure_user("default", "admin", PASSWORD, clock(), reset=True)
    sso = Provider(ProviderSettings(provider.issuer, CLIENT, SECRET), NO_TLS)
    yield replace(runtime, single_sign_on=SingleSignOn(sso, "Scripted", "default", [("api-team", Role.ADMIN)]))
    sso.close()


@pytest.fixture
def browser(single_sign_on, connect):
    return connect(single_sign_on)


def begin(browser, provider, path="/failures"):
    """Follow the redirect to the provider, and return the state for the callback."""
    location = browser.get("/sign-in/provider", params={"next": path}).headers["location"]
    query = parse_qs(urlsplit(location).query)
    provider.nonce = query["nonce"][0]
    return query["state"][0]


def come_back(browser, provider, **query):
    state = begin(browser, provider)
    return browser.get("/sign-in/callback", params={"state": state, "code": "c0de"} | query)


def refusal(answer):
    """Check that the sign-in failed and has ended; return the message on the page."""
    assert answer.status_code == 403
    assert answer.headers["set-cookie"].startswith(f'{SIGN_IN_COOKIE}=""; ')
    return answer.text.partition('id="sign-in-error">')[2].partition("</p>")[0].rpartition("</svg>")[2]


def test_the_provider_receives_the_client_id_and_proof(browser, provider):
    assert "Sign in with Scripted" in browser.get("/sign-in").text
    location = browser.get("/sign-in/provider").headers["location"]
    assert location.startswith(f"{provider.issuer}/authorize?")
    query = {name: value for name, (value,) in parse_qs(urlsplit(location).query).items()}
    assert query["redirect_uri"] == "http://127.0.0.1:9080/sign-in/callback"
    assert (query["response_type"], query["scope"], query["client_id"]) == ("code", "openid profile", CLIENT)
    assert query["code_challenge_method"] == "S256"
    answer = come_back(browser, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/failures")
    _, form, authorization = next(request for request in provider.requests if request[0] == "/token")
    assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == f"{CLIENT}:{SECRET}"
    assert (form["code"], form["grant_type"]) == (["c0de"], ["authorization_code"])
    assert len(form["code_verifier"][0]) >= 43
    assert browser.get("/apis").status_code == 200


def test_over_https_the_cookie_of_a_sign_in_is_bound_to_this_host(browser):
    answer = browser.get("https://127.0.0.1:9080/sign-in/provider")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"__Host-{SIGN_IN_COOKIE}=")
    assert {"Secure", "HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["redirect_uri"] == ["https://127.0.0.1:9080/sign-in/callback"]


def test_only_the_browser_that_began_a_sign_in_can_complete_it(browser, provider, single_sign_on, connect):
    state = begin(browser, provider)
    other = connect(single_sign_on)
    for cookies in ({}, {SIGN_IN_COOKIE: ""}, {SIGN_IN_COOKIE: ".%2Fapis"}, {SIGN_IN_COOKIE: "guessed.%2Fapis"}):
        other.cookies.clear()
        other.cookies.update(cookies)
        answer = other.get("/sign-in/callback", params={"state": state, "code": "c0de"})
        assert refusal(answer).startswith("This sign-in was started in another browser")
    assert "started in another browser" in refusal(come_back(browser, provider, state="é"))
    assert not any(path == "/token" for path, _, _ in provider.requests)


def test_a_callback_works_only_once(browser, provider):
    state = begin(browser, provider)
    query = {"state": state, "code": "c0de"}
    assert browser.get("/sign-in/callback", params=query).status_code == 303
    assert "started in another browser" in refusal(browser.get("/sign-in/callback", params=query))


def test_sign_in_never_redirects_to_another_host(browser, provider):
    for address in ("https://elsewhere.test", "//elsewhere.test", "/\\elsewhere.test", "javascript:a", "/%0d%0aa: b"):
        state = begin(browser, provider, address)
        answer = browser.get("/sign-in/callback", params={"state": state, "code": "c0de"})
        assert answer.headers["location"] in {"/", "/%250d%250aa:%20b", "/%0d%0aa:%20b"}


def test_an_unreachable_provider_is_reported_and_passwords_still_work(browser, provider):
    provider.answers["/.well-known/openid-configuration"] = (500, b"")
    response = browser.get("/sign-in/provider")
    assert (response.status_code, "be used right now" in response.text) == (503, True)
    assert browser.post("/sign-in", data={"name": "admin", "password": PASSWORD}).status_code == 303


def test_without_a_provider_there_is_neither_a_button_nor_a_callback(client):
    assert "/sign-in/provider" not in client.get("/sign-in").text
    assert client.get("/sign-in/provider").status_code == 404
    assert client.get("/sign-in/callback").status_code == 404


def test_a_user_who_loses_all_groups_loses_all_sessions(browser, provider, single_sign_on, connect):
    assert come_back(browser, provider).status_code == 303
    provider.claims["groups"] = []
    assert refusal(come_back(connect(single_sign_on), provider)).startswith("None of your groups has a role")
    assert browser.get("/apis").status_code == 303


def test_tokens_work_only_while_the_provider_has_confirmed_their_user(browser, provider, clock):
    assert come_back(browser, provider).status_code == 303
    form = {"name": "nightly", "scopes": ["apim:api_view"], "days": "365"}
    secret = "hfp_" + browser.post("/tokens", data=form).text.partition("hfp_")[2][:43]
    headers = {"authorization": f"Bearer {secret}"}
    assert browser.get(APIS, headers=headers).status_code == 200
    clock.advance(seconds=CONFIRMED_FOR.total_seconds() + 1)
    assert browser.get(APIS, headers=headers).status_code == 401
    provider.claims |= {"iat": int(clock().timestamp()), "exp": int(clock().timestamp()) + 60}
    assert come_back(browser, provider).status_code == 303
    assert browser.get(APIS, headers=headers).status_code == 200


@pytest.mark.long
def test_users_of_the_provider_have_no_password_to_change_or_reset(browser, provider):
    assert come_back(browser, provider).status_code == 303
    assert 'action="/account/password"' not in browser.get("/account").text
    response = browser.post("/account/password", data={"current": "", "new": PASSWORD})
    assert (response.status_code, "have no password here" in response.text) == (422, False)
    assert browser.post("/users/dora/password", data={"password": PASSWORD}).status_code == 422
    assert browser.post("/sign-in", data={"name": "dora", "password": ""}).status_code == 422
    assert browser.post("/users/dora", data={"roles": ["viewer"]}).status_code == 303
    assert "roles: Admin." in browser.get("/users/dora").text


def test_an_organization_needs_an_admin_with_a_password(browser, provider):
    assert come_back(browser, provider).status_code == 303
    response = browser.post("/users/admin/delete")
    assert (response.status_code, LAST_ADMIN in response.text) == (422, True)
