"""The pages for the account, the tokens, and the users of the organization."""

import re

import pytest

from holdfast.services.access.permissions import Role
from holdfast.services.access.users import LAST_ADMIN
from holdfast.web.access.user_agents import describe_agent
from rest.calls import APIS

NEW = "several quite new words"


@pytest.fixture
def other(shared_runtime, connect, berta):
    """A browser without a session, with a separate address."""
    return connect(shared_runtime, client=(berta.id, 50000))


def sign_in_as(browser, name, password):
    return browser.post("/sign-in", data={"name": name, "password": password}, headers={"user-agent": "Firefox"})


def test_a_user_is_created_signs_in_and_is_disabled(client, other, berta):
    form = {"name": "dora", "password": NEW, "roles": ["viewer", "publisher"]}
    page = client.post("/new-user", data={"name": "a b", "password": "x"}).text
    assert page.count("is-invalid") == 2  # the name and the password
    assert "Choose one or more of" in page
    assert client.post("/new-user", data=form).headers["location"] == "/users?done=user-created"
    name = f"dora@{berta.organization}"
    assert name in client.get("/users").text
    assert sign_in_as(other, name, NEW).status_code == 303
    assert 'href="/users"' not in other.get("/apis").text
    assert other.get("/users").status_code == 403
    assert other.post("/apis/new", data={"name": "a"}).status_code == 403
    assert client.post(f"/users/{name}", data={"roles": ["viewer"], "disabled": "true"}).status_code == 303
    assert other.get("/apis").status_code == 303
    assert sign_in_as(other, name, NEW).status_code == 422
    assert "Disabled" in client.get("/users").text
    assert client.post(f"/users/{name}/delete").status_code == 303
    assert client.get(f"/users/{name}").status_code == 404


def test_users_are_found_by_name_and_the_list_says_when_they_signed_in(client, berta):
    page = client.get("/users", params={"query": berta.name.upper()}).text
    assert f">{berta.name}</a>" in page
    assert "Last sign-in" in page
    assert "No users match" in client.get("/users", params={"query": "no such name"}).text
    assert "No users match" in client.get(f"/users?query={'a' * 60_000}").text
    assert "Page 99 doesn't exist" in client.get("/users", params={"page": 99}).text.replace("&#39;", "'")
    assert client.get("/users", headers={"HX-Request": "true"}).text.lstrip().startswith("<div")


def test_the_last_admin_can_be_neither_deleted_nor_demoted(client, berta):
    for path, form in ((f"/users/{berta.name}/delete", {}), (f"/users/{berta.name}", {"roles": ["viewer"]})):
        answer = client.post(path, data=form)
        assert (answer.status_code, LAST_ADMIN in answer.text) == (422, True)
    assert client.get("/users").status_code == 200


def test_changing_the_password_signs_out_other_browsers(client, other, berta, password):
    assert sign_in_as(other, berta.name, password).status_code == 303
    assert "Firefox" in client.get("/account").text
    wrong = client.post("/account/password", data={"current": "wrong", "new": NEW})
    assert (wrong.status_code, "your current password." in wrong.text) == (422, True)
    short = client.post("/account/password", data={"current": password, "new": "short"})
    assert (short.status_code, "at least 12" in short.text) == (422, True)
    assert client.post("/account/password", data={"current": password, "new": NEW}).status_code == 303
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert sign_in_as(other, berta.name, NEW).status_code == 303


def test_a_session_can_be_signed_out_from_another_browser(client, other, berta, password):
    sign_in_as(other, berta.name, password)
    (path,) = re.findall(r"/account/sessions/\w+/revoke", client.get("/account").text)
    assert client.post(path).status_code == 303
    assert other.get("/account").status_code == 303
    assert client.post(path).status_code == 404


def test_all_other_browsers_can_be_signed_out_at_once(client, other, berta, password):
    sign_in_as(other, berta.name, password)
    assert "Sign out all others" in client.get("/account").text
    assert client.post("/account/sessions/revoke").status_code == 303
    assert other.get("/account").status_code == 303
    assert "Sign out all others" not in client.get("/account").text


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge 140 on Windows",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari 18 on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) HeadlessChrome/140.0.0.0 Safari/537.36",
            "Chrome 140 on macOS",
        ),
        ("curl/8.5.0", "curl 8.5.0"),
        ("", "Unknown browser"),
    ],
)
def test_browsers_are_named_as_people_do(agent, words):
    assert describe_agent(agent) == words


def test_a_token_is_shown_once_works_and_is_revoked(client, other):
    form = {"name": "nightly", "scopes": ["apim:api_view"], "days": "7"}
    response = client.post("/tokens", data=form)
    (secret,) = re.findall(r"hfp_[\w-]{43}", response.text)
    headers = {"authorization": f"Bearer {secret}"}
    assert other.get(APIS, headers=headers).status_code == 200
    page = client.get("/tokens").text
    assert ("nightly" in page, secret in page, "Last used" in page) == (True, False, True)
    again = client.post("/tokens", data=form)
    assert (again.status_code, "nightly" in again.text) == (422, True)
    assert client.post("/tokens", data=form | {"name": "x", "scopes": []}).status_code == 422
    (path,) = re.findall(r"/tokens/[\w-]+/revoke", page)
    assert client.post(path).status_code == 303
    assert other.get(APIS, headers=headers).status_code == 401


def test_a_token_opens_no_page(client, other):
    response = client.post("/tokens", data={"name": "page", "scopes": ["apim:api_view"]})
    (secret,) = re.findall(r"hfp_[\w-]{43}", response.text)
    assert other.get("/apis", headers={"authorization": f"Bearer {secret}"}).status_code == 303


def test_hostile_names_are_escaped(client, enlist, berta):
    hostile = '"><script>alert(1)</script>'
    enlist(berta.organization, f"{hostile}{berta.id}", Role.VIEWER)
    assert "<script>alert" not in client.get("/users").text
    assert "<script>alert" not in client.post("/new-user", data={"name": hostile}).text
    assert "<script>alert" not in client.post("/tokens", data={"name": hostile, "scopes": ["a"]}).text
