"""Gateway identities in REST."""

import pytest

from holdfast.services.access.permissions import Role
from holdfast.store.access import accounts
from holdfast.store.access.accounts import User
from issuing import answer, identity_file, issue
from rest.calls import PREFIX, SANDBOX, URL, assert_problem

PATH = f"{PREFIX}/endpoints/client-certificate"
WHERE = {"endpoint": URL}
CA = issue(ca=True, common_name="CA")
OWN = issue(common_name="own", by=CA)


def put(client, data, where=URL, password="", **files):
    parts = {"certificate": ("client.pem", data)} | {name: (name, content) for name, content in files.items()}
    return client.put(PATH, params={"endpoint": where}, files=parts, data={"password": password})


def test_an_import_is_described_and_no_response_contains_the_key(client, api):
    del api
    answer = put(client, identity_file("geheim", OWN), password="geheim")
    got = client.get(PATH, params=WHERE)
    for response in (answer, got):
        assert response.status_code == 200, response.text
        assert response.headers["cache-control"] == "no-store"
        assert "PRIVATE" not in response.text
        body = response.json()
        assert body["origin"] == "https://pizza.test:8443"
        assert [certificate["subject"] for certificate in body["certificates"]] == ["CN=own"]
        assert body["certificates"][0]["status"] == "Active"
        assert body["enforcement"]["progress"] == "no gateway"
        assert body["request"] is None
    assert answer.json()["ignored"] == []


def test_the_key_can_be_sent_as_a_separate_file(client, api):
    del api
    assert put(client, OWN.chain_pem, key=OWN.key_pem).status_code == 200


def test_a_signing_request_is_created_shown_completed_and_discarded(client, api):
    del api
    body = {"subject": "me", "dnsNames": ["gateway.test"], "keyType": "rsa-2048"}
    response = client.post(f"{PATH}/request", params=WHERE, json=body)
    assert response.status_code == 201
    assert "PRIVATE" not in response.text
    assert (response.json()["subject"], response.json()["dnsNames"]) == ("CN=me", ["gateway.test"])
    assert client.get(PATH, params=WHERE).json() | {"certificates": []} == client.get(PATH, params=WHERE).json()
    files = {"certificate": ("a.pem", answer(response.json()["csr"], CA).pem)}
    response_to_answer = client.put(f"{PATH}/answer", params=WHERE, files=files)
    assert [certificate["subject"] for certificate in response_to_answer.json()["certificates"]] == ["CN=me"]
    assert_problem(client.put(f"{PATH}/answer", params=WHERE, files=files), 404)
    assert client.post(f"{PATH}/request", params=WHERE, json={"subject": "again"}).status_code == 201
    assert client.delete(f"{PATH}/request", params=WHERE).status_code == 200
    assert_problem(client.delete(f"{PATH}/request", params=WHERE), 404)


def test_a_deleted_gateway_identity_is_not_found(client, api):
    del api
    put(client, OWN.chain_pem + OWN.key_pem)
    assert client.delete(PATH, params=WHERE).status_code == 200
    assert_problem(client.get(PATH, params=WHERE), 404)
    assert_problem(client.delete(PATH, params=WHERE), 404)


def test_invalid_input_is_rejected_by_field(client, api):
    del api
    assert_problem(put(client, OWN.pem), 400, "certificate", says="no private key")
    assert_problem(put(client, OWN.key_pem + CA.pem), 400, "certificate", says="doesn't match any certificate")
    assert_problem(put(client, OWN.pem + OWN.key_pem, SANDBOX), 400, "endpoint")
    assert_problem(put(client, OWN.pem + OWN.key_pem, "https://nobody.test"), 400, "endpoint")
    assert_problem(client.post(f"{PATH}/request", params=WHERE, json={"subject": ""}), 400, "subject")
    response = client.post(f"{PATH}/request", params=WHERE, json={"subject": "a", "keyType": "dsa"})
    assert_problem(response, 400, "keyType")
    assert_problem(client.post(f"{PATH}/request", params=WHERE, content=b"x"), 415, "Content-Type")
    assert_problem(client.put(PATH, params=WHERE, json={}), 415, "Content-Type")


def test_without_the_permission_a_gateway_identity_can_only_be_read(shared_runtime, sign_in, client, api, berta):
    del api
    put(client, OWN.chain_pem + OWN.key_pem)
    few = User("few" + berta.id, berta.organization, "few" + berta.id, "x", frozenset({Role.CREATOR}))
    with shared_runtime.store.write() as session:
        accounts.insert_user(session, few, shared_runtime.now())
    other = sign_in(few)
    assert other.get(PATH, params=WHERE).status_code == 200
    for response in (
        put(other, OWN.pem + OWN.key_pem),
        other.delete(PATH, params=WHERE),
        other.delete(f"{PATH}/request", params=WHERE),
        other.post(f"{PATH}/request", params=WHERE, json={"subject": "a"}),
        other.put(f"{PATH}/answer", params=WHERE, files={"certificate": ("a.pem", OWN.pem)}),
    ):
        assert_problem(response, 403, says="You need the permission 'client_certificates'")


@pytest.mark.parametrize("method", ["get", "delete"])
def test_another_organization_cannot_reach_a_gateway_identity(client, stranger, api, method):
    del api
    put(client, OWN.chain_pem + OWN.key_pem)
    assert getattr(stranger, method)(PATH, params=WHERE).status_code in (400, 404)
    assert client.get(PATH, params=WHERE).status_code == 200
