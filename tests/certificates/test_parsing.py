"""Accepted uploads, and the errors of others."""

import contextlib

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given
from hypothesis import strategies as st

from holdfast.certificates.errors import (
    CertificateError,
    EmptyUpload,
    MalformedCertificate,
    NotACertificate,
    PrivateKeyRefused,
    TooManyCertificates,
    UploadTooLarge,
)
from holdfast.certificates.formats.parsing import MAX_BYTES, parse

CA = trustme.CA()
PEM = CA.cert_pem.bytes()
LEAF = CA.issue_cert("backend.test")
LEAF_PEM = LEAF.cert_chain_pems[0].bytes()
DER = x509.load_pem_x509_certificate(PEM).public_bytes(serialization.Encoding.DER)


def test_pem_and_der_of_one_certificate_are_the_same_certificate():
    assert parse(PEM).certificates == parse(DER).certificates


def test_several_certificates_are_all_kept_in_order():
    assert [c.pem.encode() for c in parse(PEM + LEAF_PEM).certificates] == [PEM, LEAF_PEM]


@pytest.mark.parametrize(
    "odd",
    [
        b"\xef\xbb\xbf" + PEM,
        PEM.replace(b"\n", b"\r\n"),
        b"notes\n" + PEM + b"more notes",
        PEM.replace(b"\n", b"\n  "),
    ],
    ids=["byte-order-mark", "crlf", "text-around", "indented"],
)
def test_pem_in_practical_variants_is_read(odd):
    assert parse(odd).certificates == parse(PEM).certificates


def test_a_duplicate_certificate_is_kept_once_and_reported():
    upload = parse(PEM + PEM)
    assert len(upload.certificates) == 1
    assert upload.ignored[0].what == "Block 2"
    assert upload.repeated == upload.certificates
    assert parse(PEM).repeated == ()


def test_an_empty_file_is_refused():
    for empty in (b"", b" \n"):
        with pytest.raises(EmptyUpload):
            parse(empty)


def test_text_is_not_a_certificate():
    with pytest.raises(NotACertificate, match="not a certificate"):
        parse(b"hello")


def test_truncated_pem_says_that_it_is_cut_off():
    with pytest.raises(MalformedCertificate, match="cut off"):
        parse(PEM[:-40])


def test_bad_base64_is_reported():
    with pytest.raises(MalformedCertificate, match="base64"):
        parse(PEM.replace(b"M", b"!", 1))


def test_a_private_key_next_to_the_certificate_is_refused_with_its_position():
    with pytest.raises(PrivateKeyRefused) as refusal:
        parse(PEM + LEAF.private_key_pem.bytes())
    assert (refusal.value.block, refusal.value.blocks) == (2, 2)
    assert "openssl x509" in str(refusal.value)


def test_a_file_with_only_a_private_key_leads_to_the_file_with_the_certificate():
    key = serialization.load_pem_private_key(LEAF.private_key_pem.bytes(), None)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for content in (LEAF.private_key_pem.bytes(), der):
        with pytest.raises(PrivateKeyRefused, match="Choose the file with the certificate instead"):
            parse(content)


def test_a_private_key_in_der_is_refused():
    key = serialization.load_pem_private_key(LEAF.private_key_pem.bytes(), None)
    pkcs8 = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8)
    for encryption in (serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")):
        with pytest.raises(PrivateKeyRefused):
            parse(key.private_bytes(*pkcs8, encryption))


def test_a_signing_request_is_recognized():
    key = serialization.load_pem_private_key(LEAF.private_key_pem.bytes(), None)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
        with pytest.raises(NotACertificate, match="signing request"):
            parse(request.public_bytes(encoding))


def test_a_file_over_the_limit_is_refused():
    with pytest.raises(UploadTooLarge):
        parse(b"x" * (MAX_BYTES + 1))


def test_more_than_a_hundred_certificates_are_refused():
    with pytest.raises(TooManyCertificates) as refusal:
        parse(PEM * 101)
    assert refusal.value.count == 101


@given(st.binary(max_size=400), st.integers(0, len(DER)))
def test_any_bytes_raise_only_certificate_errors(noise, at):
    for data in (noise, DER[:at] + noise + DER[at + len(noise) :], PEM[:at] + noise + PEM[at:]):
        with contextlib.suppress(CertificateError):
            parse(data)
