"""Certificates without a name in subjectAltName: the response says that gateways reject them, and offers a pin."""

import pytest

from issuing import issue
from rest.calls import CERTIFICATES, ENDPOINTS, URL, assert_problem, create_api, replace, upload

NAMELESS = issue(common_name="pizza.test")
PIN = f"{CERTIFICATES}/pizza-backend/pin"


def settings(client):
    body = client.get(f"{ENDPOINTS}/trust-settings", params={"endpoint": URL}).json()
    return body["anyName"], body["certificatePins"]


def change(client, **body):
    changed = client.put(f"{ENDPOINTS}/trust-settings", params={"endpoint": URL}, json=body)
    assert changed.status_code == 200, changed.text


@pytest.fixture(autouse=True)
def _api(api):
    """All tests are about the API Pizza."""


def test_a_nameless_certificate_is_pinned_and_unpinned(client):
    imported = upload(client, NAMELESS.pem).json()
    assert "will reject" in imported["pinProposed"]
    assert not imported["pinned"]
    pinned = client.post(PIN).json()
    assert (pinned["pinned"], pinned["pinProposed"]) == (True, "")
    assert settings(client) == (True, [imported["certificates"][0]["fingerprint"]])
    unpinned = client.delete(PIN).json()
    assert (unpinned["pinned"], unpinned["pinProposed"]) == (False, imported["pinProposed"])
    assert settings(client) == (False, [])


def test_an_upload_can_pin_at_once(client):
    files, fields = {"certificate": ("a.pem", NAMELESS.pem)}, {"alias": "pizza-backend", "endpoint": URL, "pin": "true"}
    imported = client.post(CERTIFICATES, files=files, data=fields).json()
    assert (imported["pinned"], imported["pinProposed"]) == (True, "")
    other = issue(common_name="pizza.test")
    assert "will reject" in replace(client, other.pem).json()["pinProposed"]
    path = f"{CERTIFICATES}/pizza-backend"
    replaced = client.put(path, files={"certificate": ("b.pem", other.pem)}, data={"pin": "true"}).json()
    assert (replaced["pinned"], replaced["pinProposed"]) == (True, "")


@pytest.mark.parametrize("names", [["pizza.test"], ["else.test"], ["127.0.0.1"]])
def test_a_certificate_with_a_name_is_not_pinned(client, names):
    assert upload(client, issue(*names).pem).json()["pinProposed"] == ""
    assert not client.post(PIN).json()["pinned"]
    assert settings(client) == (False, [])


def test_nothing_is_proposed_while_gateways_accept_the_certificate(client):
    fingerprint = upload(client, NAMELESS.pem).json()["certificates"][0]["fingerprint"]
    change(client, anyName=True, certificatePins=[fingerprint])
    assert client.get(f"{CERTIFICATES}/pizza-backend").json()["pinProposed"] == ""
    change(client, anyName=True, certificatePins=["0" * 64])
    assert "will reject" in client.get(f"{CERTIFICATES}/pizza-backend").json()["pinProposed"]
    client.post(PIN)
    assert settings(client) == (True, ["0" * 64, fingerprint])
    client.delete(PIN)
    assert settings(client) == (True, ["0" * 64])


def test_a_pin_that_would_reject_other_certificates_is_refused(client):
    assert upload(client, issue("pizza.test").pem, "other").status_code == 201
    upload(client, NAMELESS.pem)
    assert_problem(client.post(PIN), 409, "pin", says="would reject the other certificates")
    assert client.delete(f"{CERTIFICATES}/other").status_code == 200
    change(client, spkiPins=["0" * 64])
    assert_problem(client.post(PIN), 409, "pin", says="trust settings")


def test_an_upload_that_cannot_be_pinned_imports_nothing(client):
    create_api(client, "Other")
    assert upload(client, issue("pizza.test").pem, "other").status_code == 201
    fields = {"alias": "pizza-backend", "endpoint": URL, "pin": "true"}
    refused = client.post(CERTIFICATES, files={"certificate": ("a.pem", NAMELESS.pem)}, data=fields)
    assert_problem(refused, 409, "pin")
    assert client.get(f"{CERTIFICATES}/pizza-backend").status_code == 404
