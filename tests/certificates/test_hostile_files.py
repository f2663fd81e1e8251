"""Hostile files: they raise only certificate errors, and all work is bounded before it starts."""

import base64
import contextlib
import hashlib
import os
import tracemalloc
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.errors import (
    CertificateError,
    PrivateKeyRefused,
    TooComplex,
    TooManyIterations,
    UnusableKey,
)
from holdfast.certificates.findings.examination import examine_all, judge_revocation
from holdfast.certificates.formats import derivation
from holdfast.certificates.formats.credentials import read_credential
from holdfast.certificates.formats.der import encode_oid
from holdfast.certificates.formats.derivation import (
    MAX_ITERATIONS,
    QUICK_ALL_ITERATIONS,
    QUICK_ITERATIONS,
)
from holdfast.certificates.formats.parsing import MAX_BYTES, parse
from holdfast.certificates.identity import parse_reference
from holdfast.certificates.revocation import read_revocation_lists
from holdfast.certificates.trust import TrustSet
from issuing import identity_file, issue, keystore, tlv
from revoking import NUMBER, extension, write_crl

pytestmark = pytest.mark.long

A, B = issue(ca=True, common_name="a"), issue("backend.test", by=issue(ca=True))
NAMED = [pkcs12.PKCS12Certificate(leaf.certificate, b"alias") for leaf in (A, B)]
DATA, ENCRYPTED = tlv(6, encode_oid("1.2.840.113549.1.7.1")), tlv(6, encode_oid("1.2.840.113549.1.7.6"))
SALT = b"12345678"


def make_truststore(count: int, algorithm: pkcs12.PBES = pkcs12.PBES.PBESv2SHA256AndAES256CBC) -> bytes:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(count).key_cert_algorithm(algorithm)
    return pkcs12.serialize_java_truststore(NAMED, builder.hmac_hash(hashes.SHA256()).build(b"secret"))


REAL = [
    A.pem + B.pem,
    A.pem.decode().encode("utf-16"),
    B.der,
    pkcs7.serialize_certificates([A.certificate, B.certificate], Encoding.DER),
    pkcs7.serialize_certificates([A.certificate, B.certificate], Encoding.PEM),
    pkcs12.serialize_java_truststore(NAMED, NoEncryption()),
    make_truststore(5),
    make_truststore(5, pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC),
    pkcs12.serialize_key_and_certificates(b"own", A.key, A.certificate, None, BestAvailableEncryption(b"secret")),
    keystore([("a", A.der), ("b", B.der)], "secret"),
    keystore([("a", A.der)], jceks=True),
    A.key_pem + A.pem,
]

NOW = datetime.now(UTC)
BACKEND, ANCHOR = parse_reference("backend.test"), read_certificate(A.der)
POINT = tlv(0x30, tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://crl.test"))), tlv(0x81, b"\xff"))
LIST = write_crl(
    A,
    B,
    extensions=[
        NUMBER,
        extension("2.5.29.35", tlv(0x30, tlv(0x80, b"key"))),
        extension("2.5.29.28", POINT, critical=True),
    ],
    entry_extensions=[extension("2.5.29.21", tlv(0x0A, b"\1"), critical=True)],
)
LISTS = [LIST, x509.load_pem_x509_crl(LIST).public_bytes(Encoding.DER)]
IDENTITIES = [B.key_pem + B.chain_pem, identity_file("", B), identity_file("secret", B)]


@pytest.fixture
def hashing(monkeypatch):
    """Count the rounds of PBKDF2 and the method of PKCS#12 that are really done."""
    iterations = []
    real = derivation.Derivation.derive_key

    def key(self, purpose, size, password, work):
        cipher = real(self, purpose, size, password, work)
        iterations.append(self.iterations)
        return cipher

    monkeypatch.setattr(derivation.Derivation, "derive_key", key)
    return iterations


def test_a_certificate_with_any_octet_changed_raises_only_value_errors():
    original = issue("a.test", "127.0.0.1", ca=True, path_length=1, permitted="a.test").der
    for at in range(len(original)):
        for octet in (0, 2, 3, 5, 12, 30, 255, original[at] ^ 1):
            with contextlib.suppress(ValueError):
                read_certificate(original[:at] + bytes([octet]) + original[at + 1 :])


def mutate(real, data):
    """Change, remove or insert some octets of *real*."""
    octets = bytearray(real)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets)))
        length = data.draw(st.sampled_from([0, 1, 1, 1, 2, 8, 200]))
        octets[at : at + length] = data.draw(st.binary(max_size=4) | st.just(bytes(octets[:50])))
    return bytes(octets)


@given(st.sampled_from(REAL), st.data())
def test_a_mutated_file_raises_only_certificate_errors_or_can_be_examined(real, data):
    octets = mutate(real, data)
    for password in (None, "secret"):
        with contextlib.suppress(CertificateError):
            examine_all(parse(octets, password).certificates, [BACKEND], NOW)


@given(st.sampled_from(IDENTITIES), st.data())
def test_a_mutated_identity_raises_only_certificate_errors(real, data):
    for password in (None, "secret"):
        with contextlib.suppress(CertificateError):
            read_credential(mutate(real, data), password)


def test_a_damaged_key_in_pkcs12_is_refused():
    value = tlv(0x30, tlv(0x30, b"\x30\x85"), tlv(4))
    for arc in (1, 2):
        with pytest.raises(UnusableKey):
            read_credential(make_pfx(tlv(0x30, DATA, tlv(0xA0, tlv(4, tlv(0x30, make_bag(arc, value)))))), None)


@given(st.sampled_from(LISTS), st.data())
def test_a_mutated_crl_raises_only_certificate_errors_or_can_be_examined(real, data):
    with contextlib.suppress(CertificateError):
        crls = read_revocation_lists(mutate(real, data))
        judge_revocation(TrustSet((ANCHOR,), BACKEND, revocation=crls), NOW)
        assert all(crl.pem and crl.lists(ANCHOR) in (True, False) for crl in crls)


def test_a_crl_with_any_octet_changed_raises_only_certificate_errors():
    original = LISTS[1]
    for at in range(len(original)):
        for octet in (0, 2, 5, 0x17, 0x30, 0x80, 255, original[at] ^ 1):
            with contextlib.suppress(CertificateError):
                crls = read_revocation_lists(original[:at] + bytes([octet]) + original[at + 1 :])
                judge_revocation(TrustSet((ANCHOR,), BACKEND, revocation=crls), NOW)


@given(st.sampled_from(REAL), st.integers(0, 3000))
def test_a_file_cut_off_anywhere_raises_only_certificate_errors(real, at):
    for data in (real[:at], real[at:]):
        with contextlib.suppress(CertificateError):
            parse(data, "secret")


@given(
    st.sampled_from(
        [b"", b"\x30", b"\x30\x80", b"\xfe\xed\xfe\xed\0\0\0\2", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----"]
    ),
    st.binary(max_size=600),
)
def test_noise_raises_only_certificate_errors(start, noise):
    with contextlib.suppress(CertificateError):
        parse(start + noise, "secret")


@pytest.mark.parametrize("algorithm", [pkcs12.PBES.PBESv2SHA256AndAES256CBC, pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC])
@pytest.mark.parametrize("place", ["all", "cipher", "mac"])
def test_iterations_are_refused_before_the_first_one(algorithm, place, hashing):
    honest, huge = b"\2\3\1\1\xd0", b"\2\3\x7f\xff\xff"  # 66,000 and 8,388,607
    data = make_truststore(66_000, algorithm)
    assert data.count(honest) == 1 or data.count(honest) == 2
    if place == "all":
        data = data.replace(honest, huge)
    else:
        at = data.index(honest) if place == "cipher" else data.rindex(honest)
        data = data[:at] + huge + data[at + 5 :]
    for password in (None, "secret"):
        with pytest.raises(TooManyIterations) as refusal:
            parse(data, password)
        assert (refusal.value.iterations, refusal.value.limit) == (8_388_607, MAX_ITERATIONS)
    assert "8,388,607 rounds of hashing; the limit is 1,000,000" in str(refusal.value)
    assert hashing == []


def make_pfx(*contents: bytes) -> bytes:
    """Create a PKCS#12 file without a MAC."""
    safe = tlv(0x30, *contents)
    return tlv(0x30, tlv(2, b"\3"), tlv(0x30, DATA, tlv(0xA0, tlv(4, safe))))


def encrypt(plain: bytes, iterations: int = 1) -> bytes:
    """Encrypt a part of a PKCS#12 file with the password "secret"."""
    key = hashlib.pbkdf2_hmac("sha1", b"secret", SALT, iterations, 16)
    padding = 16 - len(plain) % 16
    encryptor = Cipher(AES(key), CBC(bytes(16))).encryptor()
    data = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    count = iterations.to_bytes(4, "big")
    kdf = tlv(0x30, tlv(6, encode_oid("1.2.840.113549.1.5.12")), tlv(0x30, tlv(4, SALT), tlv(2, count)))
    scheme = tlv(0x30, tlv(6, encode_oid("2.16.840.1.101.3.4.1.2")), tlv(4, bytes(16)))
    algorithm = tlv(0x30, tlv(6, encode_oid("1.2.840.113549.1.5.13")), tlv(0x30, kdf, scheme))
    content = tlv(0x30, tlv(2, b"\0"), tlv(0x30, DATA, algorithm, tlv(0x80, data)))
    return tlv(0x30, ENCRYPTED, tlv(0xA0, content))


def make_bag(arc: int, value: bytes) -> bytes:
    return tlv(0x30, tlv(6, encode_oid(f"1.2.840.113549.1.12.10.1.{arc}")), tlv(0xA0, value))


def make_certificate_bag(der: bytes) -> bytes:
    return make_bag(3, tlv(0x30, tlv(6, encode_oid("1.2.840.113549.1.9.22.1")), tlv(0xA0, tlv(4, der))))


def test_a_key_in_an_encrypted_part_is_refused_and_not_decrypted(hashing):
    shrouded_bag = make_bag(2, tlv(0x30, b"whatever it asks for"))
    for inner in (shrouded_bag, make_bag(6, tlv(0x30, shrouded_bag)), make_bag(1, b""), make_bag(5, b"")):
        with pytest.raises(PrivateKeyRefused, match=r"The entry 2 is a (private|secret) key"):
            parse(make_pfx(encrypt(tlv(0x30, make_certificate_bag(A.der), inner))), "secret")
    assert hashing == [1] * 4


def test_all_iterations_of_a_file_together_are_bounded(hashing):
    part = encrypt(tlv(0x30, make_certificate_bag(A.der)), QUICK_ITERATIONS)
    file = make_pfx(part)
    in_pem = b"-----BEGIN PKCS12-----\n" + base64.encodebytes(file) + b"-----END PKCS12-----\n"
    for many in (make_pfx(*[part] * 8), file * 8, in_pem * 8):
        hashing.clear()
        with pytest.raises(TooManyIterations):
            parse(many, "secret")
        assert sum(hashing) <= QUICK_ALL_ITERATIONS
    assert parse(make_pfx(part), "secret").certificates[0].der == A.der
    with pytest.raises(TooComplex, match="more than 8 encrypted parts"):
        parse(make_pfx(*[encrypt(b"0")] * 9), "secret")


def nest(times: int) -> bytes:
    data = b""
    for _ in range(times):
        data = tlv(0x30, data)
    return data


CERTIFICATE_LIST = tlv(0x30, tlv(2, b"\1"), tlv(0x31), tlv(0x30, tlv(6, b"*")), tlv(0xA0, b"0\0" * 500_000))
HOSTILE = {
    "indefinite": b"\x30\x80" * (MAX_BYTES // 2),
    "wide": tlv(0x30, b"\5\0" * 500_000),
    "many": b"\x30\0" * 500_000,
    "deep": nest(30_000),
    "pkcs7": tlv(0x30, tlv(6, encode_oid("1.2.840.113549.1.7.2")), tlv(0xA0, CERTIFICATE_LIST)),
    "bags": make_pfx(tlv(0x30, DATA, tlv(0xA0, tlv(4, tlv(0x30, make_bag(4, b"") * 20_000))))),
    "keystore": b"\xfe\xed\xfe\xed\0\0\0\2\xff\xff\xff\xff" + bytes(1_000_000),
    "dashes": b"-" * MAX_BYTES,
    "begin": b"-- BEGIN " * 110_000,
    "blocks": b"-----BEGIN A-----" * 60_000,
    "lines": b"QQ\n" * 340_000,
    "utf-16": b"\xff\xfe" + b"\xe6\x4e" * 520_000,
    "big certificate": tlv(0x30, tlv(0x30, bytes(70_000)), tlv(0x30), tlv(3, b"\0")),
    "random": b"0" + os.urandom(MAX_BYTES - 1),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_costs_little_memory(data):
    tracemalloc.start()
    try:
        with pytest.raises(CertificateError):
            parse(data, "secret")
        assert tracemalloc.get_traced_memory()[1] < 25 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_the_size_of_each_certificate_and_of_all_is_limited():
    with pytest.raises(TooComplex, match="the file is larger than 64 KiB"):
        parse(HOSTILE["big certificate"])
    large = [issue(*(f"{name}-{'x' * 50}.test" for name in range(700)), common_name="large").der for _ in range(14)]
    with pytest.raises(TooComplex, match="certificates exceed 512 KiB"):
        parse(b"".join(large))
    assert len(parse(b"".join(large[:2])).certificates) == 2
