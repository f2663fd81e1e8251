"""Files with a private key and its chain, and why some are refused."""

import base64
import time
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from holdfast.certificates.errors import (
    CertificateMissing,
    EmptyUpload,
    KeyMismatch,
    MalformedCertificate,
    NotACertificate,
    PasswordNeeded,
    PrivateKeyMissing,
    SeveralPrivateKeys,
    TooManyIterations,
    UnusableKey,
    WrongPassword,
)
from holdfast.certificates.formats.credentials import read_credential
from issuing import curve_key, dsa_key, ed25519_key, identity_file, issue, keystore, p521, rsa_key, secp256k1, tlv

ROOT = issue(ca=True, common_name="root")
ABOVE = issue(ca=True, common_name="above", by=ROOT)
OWN = issue(common_name="own", by=ABOVE)
PASSWORD = "geheim ä"
CHAIN = ["CN=own", "CN=above"]


def write_key(form=PrivateFormat.PKCS8, protection=None, encoding=Encoding.PEM, of=OWN):
    return of.key.private_bytes(encoding, form, protection or NoEncryption())


LOCKED = BestAvailableEncryption(PASSWORD.encode())


def list_subjects(credential):
    return [certificate.subject for certificate in credential.chain]


@pytest.mark.parametrize(
    ("data", "password"),
    [
        (OWN.chain_pem + write_key(), None),
        (write_key() + ABOVE.pem + OWN.pem, ""),
        (b"text\r\n" + (ABOVE.pem + write_key() + b"between\n" + OWN.pem).replace(b"\n", b"\r\n"), None),
        ((write_key() + OWN.chain_pem).decode().encode("utf-16"), None),
        (write_key(PrivateFormat.TraditionalOpenSSL) + OWN.chain_pem, None),
        (write_key(protection=LOCKED) + OWN.chain_pem, PASSWORD),
        (write_key(PrivateFormat.TraditionalOpenSSL, LOCKED) + OWN.chain_pem, PASSWORD),
        (identity_file(PASSWORD, OWN), PASSWORD),
        (identity_file("", OWN), None),
        (identity_file("", OWN), "not needed"),
    ],
)
def test_key_and_chain_are_read_in_any_form_and_order(data, password):
    credential = read_credential(data, password)
    assert list_subjects(credential) == CHAIN
    assert credential.key.spki_fingerprint == credential.chain[0].spki_fingerprint
    assert credential.key.pem == write_key().decode()


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_the_key_can_be_in_a_separate_file(encoding):
    assert (
        list_subjects(read_credential(OWN.chain_pem, PASSWORD, write_key(protection=LOCKED, encoding=encoding)))
        == CHAIN
    )
    assert list_subjects(read_credential(OWN.der, None, write_key(encoding=encoding))) == ["CN=own"]


@pytest.mark.parametrize("kind", [pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC, pkcs12.PBES.PBESv2SHA256AndAES256CBC])
@pytest.mark.parametrize("password", [PASSWORD, ""])
def test_old_and_new_pkcs12_files_are_read(kind, password):
    if password:
        protection = PrivateFormat.PKCS12.encryption_builder().key_cert_algorithm(kind).build(password.encode())
    else:
        protection = NoEncryption()
    data = pkcs12.serialize_key_and_certificates(None, OWN.key, OWN.certificate, [ABOVE.certificate], protection)
    assert list_subjects(read_credential(data, password)) == CHAIN


@pytest.mark.parametrize(
    "make_key", [rsa_key, partial(rsa_key, 3072), ed25519_key, p521, partial(curve_key, ec.SECP384R1())]
)
def test_supported_keys_are_read(make_key):
    own = issue(common_name="own", key=make_key())
    assert list_subjects(read_credential(own.pem + own.key_pem, None)) == ["CN=own"]


@pytest.mark.parametrize(
    "make_key",
    [partial(rsa_key, 1024), partial(rsa_key, 2040), secp256k1, partial(curve_key, ec.SECP224R1()), dsa_key],
)
def test_unsupported_keys_are_refused(make_key):
    data = make_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(UnusableKey, match="Use RSA with 2048 to 4096 bits"):
        read_credential(OWN.pem + data, None)


def test_the_root_and_other_chains_are_ignored_and_listed():
    credential = read_credential(ROOT.pem + issue(common_name="stray").pem + OWN.chain_pem + write_key(), None)
    assert list_subjects(credential) == CHAIN
    assert [part.what for part in credential.ignored] == ["CN=root", "CN=stray"]


def test_an_issuer_with_the_right_name_that_did_not_sign_is_ignored():
    impostor = issue(ca=True, common_name="above", by=ROOT)
    assert len(read_credential(OWN.pem + impostor.pem + write_key(), None).chain) == 1
    assert len(read_credential(OWN.pem + impostor.pem + ABOVE.pem + write_key(), None).chain) == 2


def test_a_self_signed_certificate_is_its_own_chain():
    own = issue(common_name="only")
    assert list_subjects(read_credential(own.pem + own.key_pem, None)) == ["CN=only"]


@pytest.mark.parametrize(
    ("data", "password", "error"),
    [
        (b"", None, EmptyUpload),
        (b"nothing", None, PrivateKeyMissing),
        (OWN.chain_pem, None, PrivateKeyMissing),
        (write_key(), None, CertificateMissing),
        (write_key() + issue(common_name="other").pem, None, KeyMismatch),
        (write_key() + OWN.pem + write_key(of=ABOVE), None, SeveralPrivateKeys),
        (write_key() + OWN.pem + write_key(), None, SeveralPrivateKeys),
        (write_key(protection=LOCKED) + OWN.pem, None, PasswordNeeded),
        (write_key(protection=LOCKED) + OWN.pem, "wrong", WrongPassword),
        (write_key(PrivateFormat.TraditionalOpenSSL, LOCKED) + OWN.pem, None, PasswordNeeded),
        (write_key(PrivateFormat.TraditionalOpenSSL, LOCKED) + OWN.pem, "wrong", WrongPassword),
        (identity_file(PASSWORD, OWN), None, PasswordNeeded),
        (identity_file(PASSWORD, OWN), "wrong", WrongPassword),
        (write_key().replace(b"M", b"!") + OWN.pem, None, UnusableKey),
        (write_key()[:100] + OWN.pem, None, UnusableKey),
        (write_key() + OWN.pem[:100], None, MalformedCertificate),
        (keystore([("me", OWN.der)], tag=1), None, NotACertificate),
    ],
)
def test_an_unusable_credential_is_refused_with_the_reason(data, password, error):
    with pytest.raises(error) as refusal:
        read_credential(data, password)
    text = repr(refusal.value) + repr(refusal.value.__cause__)
    assert not any(line in text for line in write_key().decode().splitlines()[1:-1])
    assert not password or password not in text


@pytest.mark.long
def test_files_that_need_too_much_work_are_refused_early():
    costly = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(5_000_000).build(b"geheim")
    data = pkcs12.serialize_key_and_certificates(None, OWN.key, OWN.certificate, None, costly)
    start = time.process_time()
    with pytest.raises(TooManyIterations, match="Recreate it"):
        read_credential(data, "geheim")
    with pytest.raises(TooManyIterations):
        read_credential(_write_encrypted_pem(5_000_000) + OWN.pem, "geheim")
    for size, says in ((1000, "4096 bytes"), (400, "type or size")):
        with pytest.raises(UnusableKey, match=says):
            read_credential(OWN.pem + _write_huge_key(size), None)
    assert time.process_time() - start < 1


def _write_encrypted_pem(rounds):
    def number(value):
        return tlv(2, value.to_bytes(4, "big"))

    kdf = tlv(0x30, _oid("2a864886f70d01050c"), tlv(0x30, tlv(4, bytes(8)), number(rounds)))
    cipher = tlv(0x30, _oid("60864801650304012a"), tlv(4, bytes(16)))
    algorithm = tlv(0x30, _oid("2a864886f70d01050d"), tlv(0x30, kdf, cipher))
    data = base64.encodebytes(tlv(0x30, algorithm, tlv(4, bytes(64))))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + data + b"-----END ENCRYPTED PRIVATE KEY-----\n"


def _write_huge_key(size):
    numbers = [tlv(2, b"\0")] + [tlv(2, b"\x7f" * size)] * 8
    data = base64.encodebytes(tlv(0x30, *numbers))
    return b"-----BEGIN RSA PRIVATE KEY-----\n" + data + b"-----END RSA PRIVATE KEY-----\n"


def _oid(content):
    return tlv(6, bytes.fromhex(content))


def test_a_credential_does_not_show_its_key():
    credential = read_credential(OWN.chain_pem + write_key(), None)
    for text in (repr(credential), repr(credential.key), str(credential)):
        assert "PRIVATE" not in text
        assert repr(credential.key.der)[2:40] not in text
