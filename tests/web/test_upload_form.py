"""The upload dialog: endpoints that aren't saved yet, and aliases that are checked and suggested."""

import pytest

from issuing import issue
from rest.calls import APIS, CERTIFICATES, URL, create_api, upload

NEW, SANDBOX = "https://new.test:8443", "https://sandbox.test"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def path(client):
    """The path of the form for a new certificate of an API."""
    return f"/apis/{create_api(client)['id']}/new-certificate"


def send(client, path, endpoint, **fields):
    """Import a certificate for *endpoint*."""
    files = {"certificate": ("a.pem", issue("new.test").pem)}
    return client.post(path, data={"alias": "new", "endpoint": endpoint, **fields}, files=files, headers=HTMX)


def endpoints_of(client, path):
    config = client.get(f"{APIS}/{path.split('/')[2]}").json()["endpointConfig"]
    return [config.get(f"{environment}_endpoints", {}).get("url") for environment in ("production", "sandbox")]


def test_typed_endpoints_are_offered_before_the_saved_ones(client, path):
    text = client.get(path, params={"production": NEW, "sandbox": "no URL"}, headers=HTMX).text
    assert text.index(f"{NEW} (not saved yet)") < text.index(f">{URL}</option>")
    assert "no URL" not in text.partition('name="production"')[0]


def test_a_certificate_for_a_typed_endpoint_saves_only_this_endpoint(client, path):
    answer = send(client, path, NEW, production=NEW, sandbox=SANDBOX)
    assert (answer.status_code, answer.headers["hx-trigger"]) == (200, "dialog-done, endpoint-saved")
    assert endpoints_of(client, path) == [NEW, None]
    assert client.get(f"{CERTIFICATES}/new").json()["endpoint"] == NEW


def test_a_certificate_for_a_saved_endpoint_leaves_typed_ones_unsaved(client, path):
    answer = send(client, path, URL, production=NEW)
    assert answer.headers["hx-trigger"] == "dialog-done"
    assert endpoints_of(client, path) == [URL, None]


@pytest.mark.parametrize("endpoint", ["https://another.test", "http://plain.test", "no URL"])
def test_a_rejected_certificate_saves_no_endpoint(client, path, endpoint):
    assert send(client, path, endpoint, production="https://new.test").status_code == 422
    assert endpoints_of(client, path) == [URL, None]


def test_the_alias_is_checked_while_it_is_typed(client, path):
    assert upload(client, issue("pizza.test").pem, "taken").status_code == 201
    for alias, expected in (
        ("", ""),
        ("free", ""),
        ("two words", "Aliases can't contain"),
        ("taken", "already exists"),
    ):
        answer = client.get(f"{path}/alias", params={"alias": alias})
        assert (answer.status_code, expected in answer.text, bool(answer.text)) == (200, True, bool(expected)), alias
        assert answer.headers["content-type"].startswith("text/plain")


def test_an_import_for_a_failing_endpoint_suggests_an_alias_and_fetches_certificates(client, path):
    text = client.get(path, params={"endpoint": URL}, headers=HTMX).text
    assert 'value="pizza-test"' in text
    assert 'hx-trigger="load"' in text
    upload(client, issue("pizza.test").pem, "pizza-test")
    assert 'value="pizza-test-2"' in client.get(path, params={"endpoint": URL}, headers=HTMX).text
    for other in ("https://another.test", '"><script>'):
        assert 'hx-trigger="load"' not in client.get(path, params={"endpoint": other}, headers=HTMX).text
