"""Admins manage channels, silences and owners on pages, which never show a secret."""

import re
from html import unescape

import pytest

from holdfast.services.access.permissions import Role
from issuing import issue
from receivers import ROUTING_KEY, SECRET, receiver
from rest.calls import create_api, upload

PAGE = "/notifications"
CHANNELS = f"{PAGE}/channels"


def text_of(page):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2])).split())


@pytest.fixture
def hook(tmp_path):
    with receiver(tmp_path, "http", "500") as hook:
        yield hook


def test_a_channel_is_added_tested_changed_and_deleted(client, hook):
    assert "Nobody is notified" in text_of(client.get(PAGE))
    form = {"kind": "webhook", "name": "tools", "url": f"{hook.url}/h4x", "secret": SECRET, "events": "backend_failure"}
    assert client.post(f"{PAGE}/new-channel", data=form).headers["location"].startswith(f"{PAGE}?")
    assert client.post(f"{CHANNELS}/tools/test").status_code == 303
    page = client.get(PAGE)
    assert "Failing" in text_of(page)
    assert "127.0.0.1 answered 500: Sorry." in text_of(page)
    assert client.post(f"{CHANNELS}/tools/test").status_code == 303
    assert "Delivering" in text_of(client.get(PAGE))
    text = page.text + client.get(f"{CHANNELS}/tools").text
    assert "h4x" not in text
    assert SECRET not in text
    assert client.post(f"{CHANNELS}/tools", data={"audience": "owned"}).status_code == 303
    assert "All events, only about what it owns" in text_of(client.get(PAGE))
    assert client.post(f"{CHANNELS}/tools/delete").status_code == 303
    assert "Nobody is notified" in text_of(client.get(PAGE))


@pytest.mark.parametrize(
    ("form", "field", "problem"),
    [
        ({"kind": "webhook", "name": "a b", "url": "https://x.test", "secret": SECRET}, "name", "Use 1-63"),
        ({"kind": "webhook", "name": "a", "url": "http://x.test", "secret": SECRET}, "url", "Use https"),
        ({"kind": "webhook", "name": "a", "url": "https://u:p@x.test", "secret": SECRET}, "url", "user name"),
        ({"kind": "webhook", "name": "a", "url": "https://x.test", "secret": "short"}, "secret", "24 to 64"),
        ({"kind": "pagerduty", "name": "a", "secret": "short"}, "secret", "integration key"),
        ({"kind": "email", "name": "a"}, "recipients", "at least one"),
        ({"kind": "email", "name": "a", "recipients": "a@b\r\nbcc:c@d"}, "recipients", "isn't an e-mail address"),
        ({"kind": "slack", "name": "a", "url": "https://x.test", "audience": "owners"}, "audience", "isn't possible"),
    ],
)
def test_a_wrong_value_is_shown_at_its_field(client, form, field, problem):
    page = client.post(f"{PAGE}/new-channel", data=form)
    assert page.status_code == 422
    assert problem in unescape(re.search(rf'id="{field}-error">(.*?)<', page.text, re.DOTALL)[1])


def test_a_changed_url_needs_the_secret_again(client):
    form = {"kind": "pagerduty", "name": "pager", "secret": ROUTING_KEY}
    assert client.post(f"{PAGE}/new-channel", data=form).status_code == 303
    page = client.post(f"{CHANNELS}/pager", data={"url": "https://attacker.test"})
    assert page.status_code == 422
    assert "Enter the secret again" in unescape(page.text)


def test_a_silence_is_created_and_ended(client):
    form = {"about": "gateway:eu-1", "reason": "moved", "hours": "24"}
    assert client.post(f"{PAGE}/silences/new", data={**form, "reason": ""}).status_code == 422
    assert client.post(f"{PAGE}/silences/new", data={**form, "about": ""}).status_code == 422
    assert client.post(f"{PAGE}/silences/new", data={**form, "hours": "9999"}).status_code == 422
    assert client.post(f"{PAGE}/silences/new", data=form).status_code == 303
    page = client.get(PAGE)
    assert "All events about gateway:eu-1 moved" in text_of(page)
    assert client.post(re.search(r'action="([^"]+/end)"', page.text)[1]).status_code == 303
    assert "gateway:eu-1" not in text_of(client.get(PAGE))


def test_owners_are_set_by_creators_and_publishers(client, enlist, sign_in, berta):
    api = create_api(client)
    assert upload(client, issue("pizza.test").pem).status_code == 201
    creator = sign_in(enlist(berta.organization, f"c{berta.id}", Role.CREATOR))
    for path in (f"/owners/api/{api['id']}", "/owners/certificate/pizza-backend"):
        assert creator.post(path, data={"owners": "team@example.com\nuser:anna"}).status_code == 303
        assert "team@example.com\nuser:anna" in creator.get(path).text
        assert creator.post(path, data={"owners": "channel:unknown"}).status_code == 422
    assert creator.post("/owners/gateway/pizza-backend", data={"owners": "user:anna"}).status_code == 404
    viewer = sign_in(enlist(berta.organization, f"v{berta.id}", Role.VIEWER))
    assert viewer.get("/owners/certificate/pizza-backend").status_code == 403
    assert viewer.get(PAGE).status_code == creator.get(PAGE).status_code == 403
