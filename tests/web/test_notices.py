"""After a change, the next page shows a message once, with the name of the object."""

import re
from html import unescape

from holdfast.services.access.accounts import SESSION_COOKIE
from rest.calls import URL, create_api

NAME = "<b>Pizza</b> {name}"


def notice_of(page):
    """Return the message in the status area of a page."""
    area = re.search(r'<div id="notice".*?</div>', page.text, re.DOTALL)[0]
    return unescape(re.sub(r"<[^>]+>", "", area)).strip()


def test_a_notice_names_its_object_and_is_shown_once(client):
    answer = client.post("/apis/new", data={"name": "Pizza", "context": "/pizza", "version": "1", "endpoint": URL})
    address = answer.headers["location"]
    assert notice_of(client.get(address)) == "API Pizza 1 created"
    assert notice_of(client.get(address)) == ""


def test_every_change_of_the_lifecycle_has_a_notice(client):
    path = f"/apis/{create_api(client)['id']}/lifecycle"
    for action, end in (
        ("Publish", "published"),
        ("Demote to Created", "demoted to Created"),
        ("Publish", "published"),
        ("Deprecate", "deprecated"),
        ("Retire", "retired"),
    ):
        answer = client.post(path, data={"action": action, "confirmation": "Pizza"})
        assert notice_of(client.get(answer.headers["location"])) == f"API Pizza 1.0.0 {end}"


def test_a_link_cannot_make_a_page_say_that_something_was_done(client):
    assert notice_of(client.get("/apis?done=api-deleted")) == ""
    client.cookies.set("holdfast_notice", "no-such-change%3Aname")
    assert notice_of(client.get("/apis?done=no-such-change")) == ""


def test_a_notice_belongs_to_the_page_that_the_change_leads_to(client):
    answer = client.post("/new-user", data={"name": "dora", "password": "several quite new words", "roles": "viewer"})
    assert notice_of(client.get("/apis")) == ""
    assert re.fullmatch(r"User dora\S* created", notice_of(client.get(answer.headers["location"])))


def test_names_are_text_whatever_they_contain(client):
    form = {"name": NAME, "scopes": ["apim:api_view"]}
    tokens_page = client.post("/tokens", data=form) and client.get("/tokens").text
    (path,) = re.findall(r"/tokens/[\w-]+/revoke", tokens_page)
    page = client.get(client.post(path).headers["location"])
    assert notice_of(page) == f"Token {NAME} revoked"
    assert "<b>Pizza" not in page.text


def test_over_https_neither_another_host_nor_an_http_page_can_set_a_notice(client):
    site = "https://127.0.0.1:9080"
    client.cookies.set(f"__Host-{SESSION_COOKIE}", client.cookies[SESSION_COOKIE])
    form = {"name": "Pizza", "context": "/pizza", "version": "1", "endpoint": URL}
    answer = client.post(f"{site}/apis/new", data=form)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-holdfast_notice=api-created%3APizza%201; ")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    address = answer.headers["location"]
    first = client.get(f"{site}{address}")
    assert notice_of(first) == "API Pizza 1 created"
    assert first.headers["set-cookie"].startswith('__Host-holdfast_notice=""; ')
    client.cookies.set("holdfast_notice", "api-created%3APizza%202")
    assert notice_of(client.get(f"{site}{address}")) == ""
