"""Unused trust: REST reports it, lists it, and deletes it on request."""

import pytest

from holdfast.services.access.permissions import Role
from issuing import identity_file, issue
from rest.calls import APIS, CERTIFICATES, ENDPOINTS, REMOVED, URL, api_body, create_api, upload

OTHER = "https://other.test"
DELETE = {"deleteUnusedCertificates": "true"}
CERTIFICATE = issue("pizza.test")


@pytest.fixture
def pizza(client):
    """An API whose endpoint has a certificate, trust settings and a client certificate."""
    api = create_api(client)
    assert upload(client, CERTIFICATE.pem).status_code == 201
    where = {"endpoint": URL}
    assert client.put(f"{ENDPOINTS}/trust-settings", params=where, json={"names": ["a.test"]}).status_code == 200
    files = {"certificate": ("client.pem", identity_file(None, issue(common_name="me")))}
    assert client.put(f"{ENDPOINTS}/client-certificate", params=where, files=files).status_code == 200
    return api


def list_unused(client):
    return [
        certificate["alias"]
        for certificate in client.get(CERTIFICATES, params={"unused": "true"}).json()["certificates"]
    ]


def describe_left_trust(aliases=("pizza-backend",), *, settings=True, client=True):
    origin = URL.removesuffix("/base")
    return {"origin": origin, "certificates": list(aliases), "trustSettings": settings, "clientCertificate": client}


def test_deleting_an_api_reports_unused_trust_and_the_list_includes_it(client, pizza):
    assert list_unused(client) == []
    assert client.delete(f"{APIS}/{pizza['id']}").json() == {"unusedTrust": [describe_left_trust()], "deletedTrust": []}
    assert list_unused(client) == ["pizza-backend"]


def test_deleting_an_api_can_delete_unused_trust_and_certificates_can_be_restored(client, pizza):
    answer = client.delete(f"{APIS}/{pizza['id']}", params=DELETE)
    assert answer.json() == {"unusedTrust": [], "deletedTrust": [describe_left_trust()]}
    assert client.get(CERTIFICATES).json()["certificates"] == []
    create_api(client, "Again")
    where = {"endpoint": URL}
    assert client.get(f"{ENDPOINTS}/trust-settings", params=where).json()["names"] == []
    assert client.get(f"{ENDPOINTS}/client-certificate", params=where).status_code == 404
    [removed_certificate] = client.get(REMOVED).json()["list"]
    assert client.post(f"{REMOVED}/{removed_certificate['id']}/restore").status_code == 200


def test_trust_that_another_api_uses_is_neither_unused_nor_deleted(client, pizza):
    create_api(client, "Pasta", "https://pizza.test:8443/another/path")
    answer = client.delete(f"{APIS}/{pizza['id']}", params=DELETE)
    assert (answer.status_code, answer.content) == (200, b"")
    assert list_unused(client) == []
    assert len(client.get(CERTIFICATES).json()["certificates"]) == 1


def test_changing_an_endpoint_reports_unused_trust_and_can_delete_it(client, pizza):
    path = f"{APIS}/{pizza['id']}"
    config = {name: api_body(production=url)["endpointConfig"] for name, url in (("old", URL), ("new", OTHER))}
    body = client.put(path, json={"endpointConfig": config["new"]}).json()
    assert (body["unusedTrust"], body["deletedTrust"]) == ([describe_left_trust()], [])
    again = client.put(path, json=body | {"description": "read and written back"}).json()
    assert "unusedTrust" not in again | client.get(path).json()
    assert list_unused(client) == ["pizza-backend"]
    client.put(path, json={"endpointConfig": config["old"]})
    assert list_unused(client) == []
    body = client.put(path, params=DELETE, json={"endpointConfig": config["new"]}).json()
    assert (body["unusedTrust"], body["deletedTrust"]) == ([], [describe_left_trust()])
    assert client.get(CERTIFICATES).json()["certificates"] == []


def test_another_path_or_environment_of_the_same_origin_does_not_change_trust(client, pizza):
    config = api_body(production=None, sandbox="https://pizza.test:8443/other")["endpointConfig"]
    answer = client.put(f"{APIS}/{pizza['id']}", params=DELETE, json={"endpointConfig": config})
    assert "unusedTrust" not in answer.json()
    assert len(client.get(CERTIFICATES).json()["certificates"]) == 1


def test_gateway_identities_stay_without_permission_to_manage_them(berta, enlist, sign_in, pizza):
    creator = sign_in(enlist(berta.organization, f"creator of {berta.organization}", Role.CREATOR))
    answer = creator.delete(f"{APIS}/{pizza['id']}", params=DELETE)
    assert answer.json() == {
        "unusedTrust": [describe_left_trust((), settings=False)],
        "deletedTrust": [describe_left_trust(client=False)],
    }


def test_trust_of_another_organization_is_never_listed_as_unused(client, stranger, pizza):
    theirs = create_api(stranger)
    assert client.delete(f"{APIS}/{pizza['id']}").status_code == 200
    assert stranger.delete(f"{APIS}/{theirs['id']}", params=DELETE).content == b""
    assert (list_unused(stranger), list_unused(client)) == ([], ["pizza-backend"])


def test_the_list_of_unused_certificates_is_paginated(client, pizza):
    assert upload(client, issue("pizza.test").pem, "second").status_code == 201
    client.delete(f"{APIS}/{pizza['id']}")
    page = client.get(CERTIFICATES, params={"unused": "true", "limit": 1}).json()
    assert (page["count"], page["pagination"]["total"]) == (1, 2)
    assert [certificate["alias"] for certificate in client.get(page["pagination"]["next"]).json()["certificates"]] == [
        "second"
    ]
