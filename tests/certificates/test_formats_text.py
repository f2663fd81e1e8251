"""PEM from any system in any layout, including private keys, which must be refused."""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from holdfast.certificates.errors import (
    MalformedCertificate,
    NotACertificate,
    PrivateKeyRefused,
    TooComplex,
)
from holdfast.certificates.formats.parsing import SkippedPart, parse
from issuing import dsa_key, issue, p256, rsa_key

ISSUED = issue("backend.test")
PEM = ISSUED.pem
TEXT = PEM.decode()
ONE_LINE = base64.b64encode(ISSUED.der)
BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    "odd",
    [
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        ("Zertifikat für\r\n" + TEXT.replace("\n", "\r\n")).encode("utf-16"),
        BEGIN + b"\n" + ONE_LINE + b"\n" + END,
        BEGIN + ONE_LINE + END,
        PEM.replace(b"\n", b"\\n"),
        PEM.replace(b"\n", b"\r"),
        b"\t" + PEM.replace(b"\n", b" \r\n\t\t"),
        b"Bag Attributes\n    friendlyName: a\nsubject=CN=a\n" + PEM + b"-----\n",
        b"0: first\n" + PEM,
        PEM.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        PEM.replace(b"BEGIN CERTIFICATE", b"BEGIN certificate").replace(b"END CERTIFICATE", b"END certificate"),
        ONE_LINE,
        b"\xef\xbb\xbf" + base64.encodebytes(ISSUED.der),
        ISSUED.der + b"\r\n",
        base64.b64encode(PEM),
        b'"' + base64.b64encode(PEM) + b'"\n',
        *(base64.b64encode(PEM + b"\n" * more).rstrip(b"=") for more in range(3)),
        base64.encodebytes(b"# issued by the platform team\n" + PEM),
        TEXT.replace("-----", "\u2014\u2013").encode(),
        TEXT.replace("-----", "\u2014-").encode("utf-16"),
        TEXT.replace("-----", "\u2013\u2013").encode("cp1252"),
        TEXT.replace("\n", "\u00a0\n").replace("-----BEGIN", "\u200b-----BEGIN").encode(),
        TEXT.replace("BEGIN CERT", "BEGIN\u00a0CERT").encode(),
        PEM.replace(BEGIN, BEGIN + b"\nComment: for the pizza backend\nX-Issued-By: nobody\n"),
    ],
)
def test_the_certificate_is_read_from_odd_text(odd):
    assert [certificate.der for certificate in parse(odd).certificates] == [ISSUED.der]


@pytest.mark.parametrize(
    "start", [b"apiVersion: v1\nkind: Secret\n", b'{"kind": "Secret",\n', b'{\n    "kind": "Secret",\n']
)
def test_a_kubernetes_secret_is_named(start):
    with pytest.raises(NotACertificate, match=r"This is a Kubernetes Secret. Choose a file with one of its values"):
        parse(start + b"data:\n  tls.crt: " + base64.b64encode(PEM) + b"\n")


def test_base64_of_base64_of_base64_is_not_read():
    with pytest.raises(NotACertificate):
        parse(base64.b64encode(base64.b64encode(PEM)))


@pytest.mark.parametrize("dashes", [b"-----", "\u2014\u2013".encode()])
def test_a_private_key_is_refused_in_base64_and_between_typographic_dashes(dashes):
    with pytest.raises(PrivateKeyRefused):
        parse(base64.b64encode((PEM + ISSUED.key_pem).replace(b"-----", dashes)))


def test_other_blocks_are_ignored_and_listed():
    parameters = b"-----BEGIN DH PARAMETERS-----\nMAMCAQI=\n-----END DH PARAMETERS-----\n"
    upload = parse(parameters + PEM + b"-----BEGIN NOTE-----\n")
    why = "It is not a certificate."
    assert upload.ignored == (SkippedPart("Block 1 (DH PARAMETERS)", why), SkippedPart("Block 3 (NOTE)", why))
    with pytest.raises(NotACertificate, match=r"a PEM file \(DH PARAMETERS\) without a certificate"):
        parse(parameters)


@pytest.mark.parametrize(
    "key",
    [
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n-----END OPENSSH PRIVATE KEY-----",
        b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nMA==\n-----END PGP PRIVATE KEY BLOCK-----",
        b"-----begin rsa private key-----\nMA==\n-----end rsa private key-----",
        b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nMA==\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
        b"----BEGIN PRIVATE KEY----\nMA==\n",
        b"MA==\n-----END EC PRIVATE KEY-----",
        b"PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nPrivate-Lines: 1\nMA==\n",
        b"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: aes256-cbc\r\n",
    ],
)
def test_a_private_key_is_refused_in_any_position(key):
    for data in (key, PEM + key, key + b"\n" + PEM, b"-----BEGIN CERTIFICATE-----\n" + key, ISSUED.der + b"\n" + key):
        with pytest.raises(PrivateKeyRefused, match="is a private key"):
            parse(data)
    with pytest.raises(PrivateKeyRefused):
        parse((PEM + key).decode().encode("utf-16"))


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("make_key", [p256, rsa_key, dsa_key])
def test_a_private_key_with_another_label_is_refused(make_key, form):
    der = make_key().private_bytes(Encoding.DER, form, NoEncryption())
    for data in (der, base64.b64encode(der), ISSUED.der + der):
        with pytest.raises(PrivateKeyRefused):
            parse(data)
    for label in (b"CERTIFICATE", b"PKCS7", b"SOMETHING"):
        block = b"-----BEGIN " + label + b"-----\n" + base64.encodebytes(der) + b"-----END " + label + b"-----\n"
        with pytest.raises(PrivateKeyRefused, match="Block 2 of 2"):
            parse(PEM + block)


def test_an_encrypted_private_key_with_another_label_is_refused():
    der = p256().private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    with pytest.raises(PrivateKeyRefused):
        parse(BEGIN + base64.b64encode(der) + END)


def test_openssl_trust_settings_after_the_certificate_are_ignored():
    data = (
        BEGIN + base64.b64encode(ISSUED.der + bytes.fromhex("300a0c0861207365727665")[:2] + b"\x0c\x08a server") + END
    )
    assert parse(data.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE")).certificates[0].der == ISSUED.der
    with pytest.raises(MalformedCertificate):
        parse(data)


def test_more_than_a_thousand_blocks_are_refused():
    with pytest.raises(TooComplex, match="more than 1000 blocks"):
        parse(b"-----BEGIN A-----\n" * 1001)
