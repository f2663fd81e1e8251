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
    response = client.put(f"{ENDPOINTS}/trust-settings", params={"endpoint": URL}, json=body)
    assert response.status_code == 200, response.text


@pytest.fixture(autouse=True)
def _api(api):
    """All tests are about the API Pizza."""


def test_a_nameless_certificate_is_pinned_and_unpinned(client):
    upload_answer = upload(client, NAMELESS.pem).json()
    assert "will reject" in upload_answer["pinProposed"]
    assert not upload_answer["pinned"]
    pin_answer = client.post(PIN).json()
    assert (pin_answer["pinned"], pin_answer["pinProposed"]) == (True, "")
    assert settings(client) == (True, [upload_answer["certificates"][0]["fingerprint"]])
    unpin_answer = client.delete(PIN).json()
    assert (unpin_answer["pinned"], unpin_answer["pinProposed"]) == (False, upload_answer["pinProposed"])
    assert settings(client) == (False, [])


def test_an_upload_can_pin_at_once(client):
    files, fields = {"certificate": ("a.pem", NAMELESS.pem)}, {"alias": "pizza-backend", "endpoint": URL, "pin": "true"}
    body = client.post(CERTIFICATES, files=files, data=fields).json()
    assert (body["pinned"], body["pinProposed"]) == (True, "")
    other = issue(common_name="pizza.test")
    assert "will reject" in replace(client, other.pem).json()["pinProposed"]
    path = f"{CERTIFICATES}/pizza-backend"
    answer = client.put(path, files={"certificate": ("b.pem", other.pem)}, data={"pin": "true"}).json()
    assert (answer["pinned"], answer["pinProposed"]) == (True, "")


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
    response = client.post(CERTIFICATES, files={"certificate": ("a.pem", NAMELESS.pem)}, data=fields)
    assert_problem(response, 409, "pin")
    assert client.get(f"{CERTIFICATES}/pizza-backend").status_code == 404
