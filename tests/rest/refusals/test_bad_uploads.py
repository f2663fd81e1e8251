"""Unusable uploads are rejected with an error that names the field, and nothing changes."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from issuing import DAY, issue
from rest.calls import CERTIFICATES, SANDBOX, assert_problem, create_api, replace, upload

BACKEND, OTHER = issue("pizza.test"), issue("other.test")
EXPIRED = issue("pizza.test", start=-9 * DAY, end=-3 * DAY)
REQUEST = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(BACKEND.key, hashes.SHA256())
FILES = {
    "empty": (b"", "is empty. Choose the file"),
    "only spaces": (b" \r\n\t", "is empty"),
    "text": (b"hello, world", "Choose a PEM file"),
    "html": (b"<script>alert(1)</script>", "Choose a PEM file"),
    "zeros": (bytes(1000), "Choose a PEM file"),
    "truncated pem": (BACKEND.pem[:-40], "cut off. Export the certificate again"),
    "truncated base64": (BACKEND.pem.replace(BACKEND.pem.splitlines()[3], b""), "can't be read"),
    "truncated der": (BACKEND.der[:-10], "can't be read"),
    "bad base64": (BACKEND.pem.replace(b"\nM", b"\n!", 1), "base64 is damaged"),
    "one good, one bad": (BACKEND.pem + OTHER.pem.replace(b"\nM", b"\n!", 1), "Block 2 of 2 can't be read"),
    "certificate and private key": (
        BACKEND.pem + BACKEND.key_pem,
        "Block 2 of 2 is a private key. Holdfast needs only the certificate, so nothing was stored. Export only",
    ),
    "private key before": (BACKEND.key_pem + BACKEND.pem, "Block 1 of 2 is a private key"),
    "only a private key": (BACKEND.key_pem, "Choose the file with the certificate instead"),
    "request in pem": (REQUEST.public_bytes(Encoding.PEM), "signing request (CSR). Upload the certificate"),
    "request in der": (REQUEST.public_bytes(Encoding.DER), "signing request (CSR). Upload the certificate"),
    "too large": (b"#" * (1024 * 1024) + BACKEND.pem, "larger than 1024 KiB"),
    "too many": (BACKEND.pem * 101, "has 101 certificates; the limit is 100"),
    "expired": (EXPIRED.pem, "expired on"),
    "all expired": (EXPIRED.pem + issue(end=-DAY, start=-3 * DAY).pem, "expired on"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_not_a_certificate_is_rejected_with_the_reason(client, nothing_changes, kind):
    data, says = FILES[kind]
    with nothing_changes():
        assert_problem(upload(client, data), 400, "certificate", says=says)
        assert_problem(replace(client, data, "kept"), 400, "certificate", says=says)


def test_an_expired_certificate_has_the_message_of_wso2(client):
    assert upload(client, EXPIRED.pem).json()["message"] == "Certificate Expired."


def test_a_huge_file_is_rejected_before_it_is_parsed(client, nothing_changes):
    with nothing_changes():
        body = assert_problem(upload(client, b"#" * 3 * 1024 * 1024), 413, says="larger than 2048 KiB")
    assert body["message"] == "Content Too Large"


@pytest.mark.parametrize(
    ("alias", "says"),
    [
        ("", "It is required"),
        ("   ", "The alias is missing"),
        ("x" * 46, "the limit is 45"),
        ("a b", "Aliases can't contain"),
        ("a/b", "Aliases can't contain"),
        ("../../etc/passwd", "Aliases can't contain"),
        ("..", "Aliases can't contain"),
        ("<script>alert(1)</script>", "Aliases can't contain"),
        ("'; DROP TABLE certificate; --", "Aliases can't contain"),
        ('a"\r\nX-Evil: 1', "U+000D"),
        ("a\x00b", "U+0000 (a control character)"),
        ("a\u202eb", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
    ],
)
def test_an_invalid_alias_is_rejected_with_the_reason(client, nothing_changes, alias, says):
    with nothing_changes():
        assert_problem(upload(client, OTHER.pem, alias), 400, "alias", says=says)


def test_a_taken_alias_is_a_conflict(client, nothing_changes):
    with nothing_changes():
        says = "already exists. Choose another one, or replace its certificate."
        assert_problem(upload(client, OTHER.pem, "kept"), 409, "alias", says=says)


def test_indistinguishable_certificates_are_a_conflict(client, nothing_changes):
    one, other = (issue("twin.test", identified=False).pem for _ in range(2))
    with nothing_changes():
        assert_problem(upload(client, one + other), 409, "certificate", says="The file contains two certificates")
    assert upload(client, one, "one").status_code == 201
    with nothing_changes():
        says = "Replace the certificate of one instead"
        assert_problem(upload(client, other), 409, "certificate", says=says)
        assert_problem(replace(client, other, "kept"), 409, "certificate", says=says)


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("", "It is required"),
        (" ", "The URL is missing"),
        ("https://", "The URL has no host"),
        ("pizza.test", "must begin with https://"),
        ("ftp://pizza.test", "must begin with https://"),
        ("https://pizza.test:99999", "Port 99999 doesn't exist"),
        ("https://anna:secret@pizza.test:8443", "user name or password"),
        (SANDBOX, "is an http endpoint: its backend doesn't present a certificate"),
        ("https://<script>alert(1)<script>", "host name"),
        ("https://pizza.test:8443/<script>", "must be percent-encoded"),
        ("https://' OR '1'='1", "space"),
    ],
)
def test_an_invalid_endpoint_is_rejected_with_the_reason(client, nothing_changes, endpoint, says):
    with nothing_changes():
        assert_problem(upload(client, OTHER.pem, "a", endpoint), 400, "endpoint", says=says)


def test_an_endpoint_of_another_organization_is_as_unused_as_any_other(client, stranger):
    create_api(stranger, "Pasta", "https://pasta.test")
    findings = upload(client, OTHER.pem, "a", "https://pasta.test").json()["findings"]
    assert "endpoint-unused" in [finding["code"] for finding in findings]
    assert client.get(f"{CERTIFICATES}/a/usage").json()["list"] == []
    assert stranger.get(CERTIFICATES).json()["count"] == 0


@pytest.mark.parametrize("alias", ["nobody", "KEPT", "%25", "%00", "kept%20", "'--", "x" * 5000])
def test_an_unknown_alias_is_not_found(client, nothing_changes, alias):
    with nothing_changes():
        for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            assert_problem(client.request(method, f"{CERTIFICATES}/{alias}{path}"), 404, says="No endpoint certificate")
        assert_problem(replace(client, OTHER.pem, alias), 404, says="No endpoint certificate")
