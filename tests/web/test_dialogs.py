"""Dialogs are parts of a page for htmx, and separate pages without JavaScript."""

import re

import pytest

from issuing import issue
from rest.calls import URL, create_api, upload

HTMX = {"HX-Request": "true"}
ENDPOINT = f"endpoint={URL}"
DIALOGS = [
    "/delete",
    "/new-certificate",
    "/certificates/pizza-backend",
    "/certificates/pizza-backend/replace",
    "/certificates/pizza-backend/delete",
    "/removed-certificates",
    "/trust/production",
    "/trust/production/exception",
    f"/client-certificate/import?{ENDPOINT}",
    f"/client-certificate/request/new?{ENDPOINT}",
]


@pytest.fixture
def pizza(client):
    api = create_api(client)
    assert upload(client, issue("pizza.test").pem).status_code == 201
    return f"/apis/{api['id']}"


def test_each_dialog_is_a_part_for_htmx_and_a_page_without_javascript(client, pizza):
    for dialog in DIALOGS:
        part, page = client.get(pizza + dialog, headers=HTMX), client.get(pizza + dialog)
        assert (part.status_code, page.status_code) == (200, 200), dialog
        assert 'id="dialog-title" tabindex="-1"' in part.text, dialog
        assert "<html" not in part.text, dialog
        assert 'class="card dialog-page"' in page.text, dialog
        assert " · Pizza 1.0.0 · Holdfast</title>" in page.text, dialog
        assert part.text.strip() in page.text, dialog


def test_a_dialog_without_an_api_has_its_own_title(client, pizza):
    client.post(f"{pizza}/delete")
    page = client.get("/unused-certificates/delete?origin=https://pizza.test:8443")
    assert "<title>Delete unused certificates · Holdfast</title>" in page.text
    assert 'class="side-menu"' not in page.text


@pytest.mark.parametrize(
    ("path", "data", "field"),
    [
        ("/new-certificate", {"alias": "a b", "endpoint": URL, "pem": issue("pizza.test").pem}, "alias"),
        ("/trust/production", {"names": "*.*"}, "names"),
        ("/trust/production/exception", {"reason": ""}, "reason"),
        (f"/client-certificate/request/new?{ENDPOINT}", {"subject": ""}, "subject"),
    ],
)
def test_an_open_dialog_receives_only_the_errors_of_its_fields(client, pizza, path, data, field):
    part, page = client.post(pizza + path, data=data, headers=HTMX), client.post(pizza + path, data=data)
    assert (part.status_code, page.status_code) == (422, 422)
    errors = dict(re.findall(r'id="(.+)-error" hx-swap-oob="true" role="alert">(.*)</div>', part.text))
    assert [name for name, text in errors.items() if text] == [field]
    assert "<form" not in part.text
    assert errors[field] in page.text
    assert "<form" in page.text


@pytest.mark.parametrize(
    ("path", "data", "changes"),
    [
        ("/certificates/pizza-backend/delete", {}, {"certificate-list", "trust-settings"}),
        ("/trust/production", {"tls_minimum": "1.3"}, {"trust-settings"}),
        (f"/client-certificate/request/new?{ENDPOINT}", {"subject": "gateway"}, {"gateway-identities", "dialog"}),
    ],
)
def test_after_a_change_htmx_receives_the_changed_sections(client, pizza, path, data, changes):
    part = client.post(pizza + path, data=data, headers=HTMX)
    assert part.status_code == 200
    assert set(re.findall(r'<hx-partial hx-target="#(.+?)"', part.text)) == changes
    assert ("HX-Trigger" in part.headers) == ("dialog" not in changes)  # it closes, or shows the next step


def test_after_a_change_a_browser_without_javascript_is_redirected_to_the_endpoints(client, pizza):
    answer = client.post(f"{pizza}/trust/production", data={"tls_minimum": "1.3"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{pizza}/endpoints?done=trust-saved")
