"""`/endpoint-certificates/inspect`: what a file holds, before it is imported."""

import pytest

from holdfast.certificates.der import oid
from issuing import DAY, alter, issue, keystore, tlv, truststore
from rest.calls import CERTIFICATES, ENDPOINTS, URL, assert_problem, unchanged, upload


def inspect(client, data, **fields):
    return client.post(f"{CERTIFICATES}/inspect", data=fields, files={"certificate": ("backend.pem", data)})


@pytest.mark.usefixtures("api")
def test_a_file_is_described_with_its_findings_and_nothing_is_stored(client, shared_runtime, berta):
    other = issue("other.test", end=9 * DAY)
    with unchanged(shared_runtime, berta.organization):
        body = inspect(client, other.pem + issue("pizza.test").pem, endpoint=URL).json()
    assert [each["subject"] for each in body["certificates"]] == ["CN=other.test", "CN=pizza.test"]
    assert [each["code"] for each in body["findings"]] == ["expiring", "name-mismatch"]
    assert [each["what"] for each in body["used"]] == ["Block 1", "Block 2"]
    assert [each["fingerprint"] for each in body["used"]] == [each["fingerprint"] for each in body["certificates"]]
    assert body["ignored"] == []


def test_without_an_endpoint_names_are_not_judged(client):
    assert inspect(client, issue("other.test").pem).json()["findings"] == []


def test_a_damaged_extension_is_a_finding(client):
    three_octets = tlv(0x30, tlv(0xA0, tlv(0x30, tlv(0x87, b"abc"))))
    constraints = tlv(0x30, tlv(0x06, oid("2.5.29.30")), tlv(0x04, three_octets))
    damaged = alter(issue(ca=True), extensions=tlv(0xA3, tlv(0x30, constraints)))
    body = inspect(client, damaged.pem).json()
    (finding,) = [each for each in body["findings"] if each["code"] == "unreadable-extension"]
    assert (finding["severity"], "2.5.29.30 (name constraints)" in finding["message"]) == ("error", True)


def test_a_truststore_asks_for_its_password_and_opens_with_it(client):
    locked = truststore("s3cret", issue("pizza.test"))
    assert_problem(inspect(client, locked), 400, "certificate", says="Enter its password")
    assert_problem(inspect(client, locked, password="wrong"), 400, "certificate", says="does not open")
    (found,) = inspect(client, locked, password="s3cret").json()["certificates"]
    assert found["subject"] == "CN=pizza.test"


@pytest.mark.usefixtures("api")
def test_a_truststore_is_imported_and_replaced_with_its_password(client):
    file = {"certificate": ("store.p12", truststore("s3cret", issue("pizza.test")))}
    fields = {"alias": "store", "endpoint": URL, "password": "s3cret"}
    assert client.post(CERTIFICATES, data=fields, files=file).status_code == 201
    other = {"certificate": ("store.jks", keystore([("one", issue("pizza.test").der)], "s3cret"))}
    assert client.put(f"{CERTIFICATES}/store", files=other).status_code == 200
    assert_problem(client.put(f"{CERTIFICATES}/store", files=file), 400, "certificate", says="Enter its password")


def test_a_file_that_cannot_be_used_is_refused_as_it_would_be_when_imported(client):
    one = issue("pizza.test")
    assert_problem(inspect(client, b""), 400, "certificate", says="empty")
    assert_problem(inspect(client, one.pem + one.key_pem), 400, "certificate", says="private key")
    assert_problem(inspect(client, one.pem, endpoint="nonsense"), 400, "endpoint", says="https://")


def test_a_certificate_that_stands_in_the_file_again_is_told_once(client):
    one = issue("pizza.test")
    body = inspect(client, one.pem * 3).json()
    (finding,) = body["findings"]
    assert (finding["code"], finding["severity"]) == ("duplicate", "info")
    assert finding["message"] == "It stands in the file 3 times. It is trusted once."
    assert [each["what"] for each in body["ignored"]] == ["Block 2", "Block 3"]


@pytest.mark.usefixtures("api")
def test_names_that_were_given_by_hand_are_judged_instead_of_the_host(client, stranger):
    def codes(data, of=client):
        return [each["code"] for each in inspect(of, data, endpoint=URL).json()["findings"]]

    def decide(**values):
        settings = f"{ENDPOINTS}/trust-settings"
        assert client.put(settings, params={"endpoint": URL}, json=values).status_code == 200

    inside, outside = issue("b.internal"), issue("pizza.test")
    assert (codes(inside.pem), codes(outside.pem)) == (["name-mismatch"], [])
    assert [each["code"] for each in upload(client, inside.pem).json()["findings"]] == ["name-mismatch"]
    decide(names=["a.internal", "b.internal"])
    assert (codes(inside.pem), codes(outside.pem)) == ([], ["name-mismatch"])
    assert codes(inside.pem, stranger) == ["name-mismatch"]  # of another organization, which decided nothing
    assert client.get(f"{CERTIFICATES}/pizza-backend").json()["findings"] == []
    decide(anyName=True, certificatePins=["ab" * 32])
    assert (codes(inside.pem), codes(outside.pem)) == ([], [])
