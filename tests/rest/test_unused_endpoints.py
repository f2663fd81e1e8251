"""Endpoint certificates that are imported before an API has the endpoint, and WSO2's search for endpoints."""

import pytest

from holdfast.services.access.permissions import Role
from holdfast.services.trust import endpoints
from issuing import DAY, issue
from rest.calls import CERTIFICATES, URL, api_body, assert_problem, create_api, upload

BACKEND = issue("pizza.test")
ELSE = "https://else.test:8443/base"


def codes(response):
    return [finding["code"] for finding in response.json()["findings"]]


def test_a_certificate_can_be_imported_before_an_api_has_the_endpoint(client):
    response = upload(client, issue("else.test").pem, "early", ELSE)
    assert response.status_code == 201
    assert codes(response) == codes(client.get(f"{CERTIFICATES}/early")) == ["endpoint-unused"]
    assert client.get(f"{CERTIFICATES}/early/usage").json()["count"] == 0
    create_api(client, endpointConfig={"production_endpoints": {"url": "https://else.test:8443/other"}})
    assert codes(client.get(f"{CERTIFICATES}/early")) == []
    assert client.get(f"{CERTIFICATES}/early/usage").json()["count"] == 1


def test_certificates_for_endpoints_that_no_api_has_are_limited(client, monkeypatch):
    monkeypatch.setattr(endpoints, "MAX_UNUSED", 2)
    for number in range(2):
        assert upload(client, BACKEND.pem, f"early-{number}", f"https://else-{number}.test").status_code == 201
    assert_problem(upload(client, BACKEND.pem, "late", "https://late.test"), 409, "endpoint", says="add the endpoint")
    create_api(client)
    assert upload(client, BACKEND.pem, "used", URL).status_code == 201


def test_nobody_uses_an_alias_that_does_not_exist(client):
    usage = client.get(f"{CERTIFICATES}/nobody/usage")
    assert (usage.status_code, usage.json()["count"], usage.json()["list"]) == (200, 0, [])


@pytest.fixture(scope="module")
def client_with_certificates(enlist, sign_in):
    """A client whose certificates are for several endpoints, whose aliases are numbers."""
    client = sign_in(enlist("searched", "searcher", Role.ADMIN))
    urls = ("https://pizza.test", "https://pizza.test:8443/base", "https://pizza.test.evil.test", "https://[::1]:8443")
    for number, url in enumerate(urls):
        assert upload(client, BACKEND.pem, str(number), url).status_code == 201
    return client


@pytest.mark.parametrize(
    ("endpoint", "aliases"),
    [
        ("pizza.test", "01"),
        ("https://pizza.test", "01"),
        ("https://PIZZA.test/base/and/more?x=1", "01"),
        ("https://pizza.test:8443", "1"),
        ("https://pizza.test:8443/else", "1"),
        ("https://pizza.test:443/", "0"),
        ("pizza.test:8443", "1"),
        ("http://pizza.test", ""),
        ("::1", "3"),
        ("https://[::1]", "3"),
        ("https://[::1]:8443/x", "3"),
        ("pizza", ""),
        ("https://", ""),
        ("%", ""),
        ("https://pizza.test:x", ""),
    ],
)
def test_certificates_are_found_by_scheme_host_and_port(client_with_certificates, endpoint, aliases):
    response = client_with_certificates.get(CERTIFICATES, params={"endpoint": endpoint})
    assert response.status_code == 200
    assert "".join(certificate["alias"] for certificate in response.json()["certificates"]) == aliases


def test_an_expired_certificate_is_refused_with_the_text_that_clients_search(client):
    create_api(client)
    response = upload(client, issue("pizza.test", start=-9 * DAY, end=-3 * DAY).pem)
    assert (response.status_code, response.json()["message"]) == (400, "Certificate Expired.")


def test_a_taken_name_or_alias_is_refused_with_the_text_that_clients_search(client):
    create_api(client)
    assert upload(client, BACKEND.pem).status_code == 201
    path = CERTIFICATES.removesuffix("/endpoint-certificates")
    others = [client.post(f"{path}/apis", json=api_body(name, context="/pizza")) for name in ("Pizza", "Else")]
    for response in (upload(client, BACKEND.pem), *others):
        assert response.status_code == 409
        assert all("already exists" in response.json()[member] for member in ("message", "description"))
