"""CRLs: reading, issuers and expiry."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.errors import CertificateError, EmptyUpload, UploadTooLarge
from holdfast.certificates.revocation import MAX_BYTES, NotRevocationLists, read_revocation_lists
from issuing import issue, revoke
from revoking import NUMBER, extension, write_crl

ROOT = issue(ca=True, common_name="root")
NOW = datetime.now(UTC)


def test_a_crl_has_its_issuer_entries_and_expiry():
    (crl,) = read_revocation_lists(revoke(ROOT, issue(by=ROOT), issue(by=ROOT)))
    assert (crl.issuer, crl.entries) == ("CN=root", 2)
    assert not crl.is_stale(NOW)
    assert crl.is_stale(NOW + timedelta(days=31))
    assert x509.load_pem_x509_crl(crl.pem.encode()).public_bytes(Encoding.DER) == crl.der


def test_pem_and_der_are_read_equally_and_without_duplicates():
    one, other = revoke(ROOT), revoke(issue(ca=True, common_name="other"))
    der = x509.load_pem_x509_crl(one).public_bytes(Encoding.DER)
    assert read_revocation_lists(der) == read_revocation_lists(b"text\r\n" + one + one)
    assert [crl.issuer for crl in read_revocation_lists(one + ROOT.pem + other)] == ["CN=root", "CN=other"]


def test_the_signer_is_recognized_by_signature_not_by_name():
    (crl,) = read_revocation_lists(revoke(ROOT))
    assert crl.is_signed_by(read_certificate(ROOT.der))
    assert not crl.is_signed_by(read_certificate(issue(ca=True, common_name="root").der))
    assert not crl.is_signed_by(read_certificate(issue(ca=True, common_name="other").der))


def test_a_delta_crl_is_refused():
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + timedelta(days=1))
        .add_extension(x509.DeltaCRLIndicator(1), critical=True)
    )
    with pytest.raises(NotRevocationLists, match="delta CRL"):
        read_revocation_lists(builder.sign(ROOT.key, hashes.SHA256()).public_bytes(Encoding.DER))


@pytest.mark.parametrize("data", [b"text", b"\x30\x03\x02\x01\x00", ROOT.pem, ROOT.der, revoke(ROOT)[:-40]])
def test_a_file_that_is_not_a_crl_is_refused_with_advice(data: bytes):
    with pytest.raises(NotRevocationLists, match="Upload the CA's CRL"):
        read_revocation_lists(data)


@pytest.mark.parametrize(
    ("extensions", "says"),
    [
        ([extension("2.5.29.35", b"damaged")], "damaged: 2.5.29.35 .authority key identifier"),
        ([NUMBER, extension("2.5.29.28", b"damaged")], "damaged: 2.5.29.28 .issuing distribution point"),
        ([extension("2.5.29.20", b"damaged")], "damaged: 2.5.29.20 .crl number"),
        ([NUMBER, NUMBER], "2.5.29.20 .crl number. twice"),
    ],
)
def test_a_damaged_extension_is_named(extensions: list[bytes], says: str):
    with pytest.raises(NotRevocationLists, match=says):
        read_revocation_lists(write_crl(ROOT, extensions=extensions))


def test_empty_and_too_large_files_are_refused():
    with pytest.raises(EmptyUpload):
        read_revocation_lists(b" \n")
    with pytest.raises(UploadTooLarge):
        read_revocation_lists(b"x" * (MAX_BYTES + 1))
    many = b"".join(revoke(issue(ca=True, common_name=str(number))) for number in range(21))
    with pytest.raises(CertificateError, match="the limit is 20"):
        read_revocation_lists(many)
