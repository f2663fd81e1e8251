"""`/endpoint-certificates/inspect`: the content of a file, before it is imported."""

import pytest

from issuing import DAY, issue, keystore, p256, tlv, truststore
from odd_certificates import add_extension
from rest.calls import CERTIFICATES, ENDPOINTS, URL, assert_problem, assert_unchanged, replace, upload

NAME_CONSTRAINTS = "2.5.29.30"
THREE_OCTETS = tlv(0x30, tlv(0xA0, tlv(0x30, tlv(0x87, b"abc"))))  # not an IP address


def inspect(client, data, **fields):
    return client.post(f"{CERTIFICATES}/inspect", data=fields, files={"certificate": ("backend.pem", data)})


@pytest.mark.usefixtures("api")
def test_a_file_is_described_with_its_findings_and_nothing_is_stored(client, shared_runtime, berta):
    other = issue("other.test", end=9 * DAY)
    with assert_unchanged(shared_runtime, berta.organization):
        body = inspect(client, other.pem + issue("pizza.test").pem, endpoint=URL).json()
    assert [certificate["subject"] for certificate in body["certificates"]] == ["CN=other.test", "CN=pizza.test"]
    assert [finding["code"] for finding in body["findings"]] == ["expiring", "name-mismatch"]
    assert [certificate["what"] for certificate in body["used"]] == ["Block 1", "Block 2"]
    assert [certificate["fingerprint"] for certificate in body["used"]] == [
        certificate["fingerprint"] for certificate in body["certificates"]
    ]
    assert body["ignored"] == []


def already_trusted(body):
    findings = [finding for finding in body["findings"] if finding["code"] == "already-trusted"]
    return [
        (finding["severity"], finding["message"].removeprefix("This endpoint already trusts it under the alias "))
        for finding in findings
    ]


@pytest.mark.usefixtures("api")
def test_the_same_certificate_under_another_alias_is_reported_before_and_after_saving(client):
    one, other = issue("pizza.test"), issue("pizza.test")
    twice = [("warning", "one.")]
    assert already_trusted(upload(client, one.pem, "one").json()) == []
    assert already_trusted(inspect(client, other.pem + one.pem, endpoint=URL).json()) == twice
    assert already_trusted(upload(client, one.pem, "two").json()) == twice  # the finding does not block it
    assert already_trusted(client.get(f"{CERTIFICATES}/two").json()) == twice
    assert already_trusted(client.get(f"{CERTIFICATES}/one").json()) == [("warning", "two.")]
    client.delete(f"{CERTIFICATES}/two")
    assert already_trusted(client.get(f"{CERTIFICATES}/one").json()) == []


@pytest.mark.usefixtures("api")
def test_a_certificate_that_a_replacement_keeps_is_reported_under_other_aliases_only(client):
    old, new = issue("pizza.test"), issue("pizza.test")
    upload(client, old.pem, "one")
    replace(client, new.pem, "one", params={"keepPrevious": "true"})
    for certificate in (old, new):
        assert already_trusted(inspect(client, certificate.pem, endpoint=URL).json()) == [("warning", "one.")]
        assert already_trusted(inspect(client, certificate.pem, endpoint=URL, alias="one").json()) == []
    assert already_trusted(replace(client, new.pem, "one").json()) == []


@pytest.mark.usefixtures("api")
def test_a_certificate_of_the_same_key_or_of_another_endpoint_is_not_the_same(client, stranger):
    key = p256()
    first, successor = (issue("pizza.test", key=key, start=-days * DAY) for days in (2, 1))
    upload(client, first.pem, "first")
    assert already_trusted(inspect(client, successor.pem, endpoint=URL).json()) == []
    assert already_trusted(inspect(client, first.pem, endpoint="https://pizza.test:9443").json()) == []
    assert already_trusted(inspect(stranger, first.pem, endpoint=URL).json()) == []


def test_without_an_endpoint_names_are_not_checked(client):
    assert inspect(client, issue("other.test").pem).json()["findings"] == []


@pytest.mark.parametrize(
    ("extension", "content", "severity", "says"),
    [
        (NAME_CONSTRAINTS, tlv(0x30, b"damaged"), "error", "2.5.29.30 (name constraints)"),
        (NAME_CONSTRAINTS, THREE_OCTETS, "warning", "An IP address in its name constraints is malformed."),
    ],
)
def test_a_damaged_extension_is_a_finding(client, extension, content, severity, says):
    certificate = add_extension(issue(ca=True), extension, content)
    body = inspect(client, certificate.pem).json()
    (finding,) = [finding for finding in body["findings"] if finding["code"] == "unreadable-extension"]
    assert finding["severity"] == severity
    assert says in finding["message"]


def test_a_truststore_needs_its_password(client):
    store = truststore("s3cret", issue("pizza.test"))
    assert_problem(inspect(client, store), 400, "certificate", says="Enter its password")
    assert_problem(inspect(client, store, password="wrong"), 400, "certificate", says="doesn't open")
    (certificate,) = inspect(client, store, password="s3cret").json()["certificates"]
    assert certificate["subject"] == "CN=pizza.test"


@pytest.mark.usefixtures("api")
def test_a_truststore_is_imported_and_replaced_with_its_password(client):
    file = {"certificate": ("store.p12", truststore("s3cret", issue("pizza.test")))}
    fields = {"alias": "store", "endpoint": URL, "password": "s3cret"}
    assert client.post(CERTIFICATES, data=fields, files=file).status_code == 201
    other = {"certificate": ("store.jks", keystore([("one", issue("pizza.test").der)], "s3cret"))}
    assert client.put(f"{CERTIFICATES}/store", files=other).status_code == 200
    assert_problem(client.put(f"{CERTIFICATES}/store", files=file), 400, "certificate", says="Enter its password")


def test_an_unusable_file_is_rejected_like_in_an_import(client):
    one = issue("pizza.test")
    assert_problem(inspect(client, b""), 400, "certificate", says="empty")
    assert_problem(inspect(client, one.pem + one.key_pem), 400, "certificate", says="private key")
    assert_problem(inspect(client, one.pem, endpoint="nonsense"), 400, "endpoint", says="https://")


@pytest.mark.usefixtures("api")
def test_a_file_whose_certificates_have_all_expired_says_why_it_cannot_be_imported(client):
    old, current = issue("pizza.test", start=-9 * DAY, end=-DAY), issue("pizza.test")
    refusal = inspect(client, old.pem).json()["refusal"]
    assert refusal.startswith("The certificate expired on ")
    file = {"certificate": ("old.crt", old.pem)}
    response = client.post(CERTIFICATES, data={"alias": "old", "endpoint": URL}, files=file)
    assert_problem(response, 400, "certificate", says=refusal)
    assert inspect(client, old.pem + current.pem).json()["refusal"] is None


def test_a_duplicate_certificate_in_a_file_is_reported_once(client):
    one = issue("pizza.test")
    body = inspect(client, one.pem * 3).json()
    (finding,) = body["findings"]
    assert (finding["code"], finding["severity"]) == ("duplicate", "info")
    assert finding["message"] == "It is in the file 3 times. Holdfast imports it once."
    assert [part["what"] for part in body["ignored"]] == ["Block 2", "Block 3"]


@pytest.mark.usefixtures("api")
def test_accepted_names_are_checked_instead_of_the_host(client, stranger):
    def codes(data, of=client):
        findings = inspect(of, data, endpoint=URL, alias="pizza-backend").json()["findings"]
        return [finding["code"] for finding in findings]

    def decide(**values):
        settings = f"{ENDPOINTS}/trust-settings"
        assert client.put(settings, params={"endpoint": URL}, json=values).status_code == 200

    inside, outside = issue("b.internal"), issue("pizza.test")
    assert (codes(inside.pem), codes(outside.pem)) == (["name-mismatch"], [])
    assert [finding["code"] for finding in upload(client, inside.pem).json()["findings"]] == ["name-mismatch"]
    decide(names=["a.internal", "b.internal"])
    assert (codes(inside.pem), codes(outside.pem)) == ([], ["name-mismatch"])
    assert codes(inside.pem, stranger) == ["name-mismatch"]  # of another organization, which has no such settings
    assert client.get(f"{CERTIFICATES}/pizza-backend").json()["findings"] == []
    decide(anyName=True, certificatePins=["ab" * 32])
    assert (codes(inside.pem), codes(outside.pem)) == ([], [])
