"""Truststores and PKCS#7: contents, passwords and errors."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)

from holdfast.certificates.errors import (
    CertificateError,
    MalformedCertificate,
    MalformedFile,
    NotACertificate,
    PasswordNeeded,
    PrivateKeyRefused,
    TooManyCertificates,
    WrongPassword,
)
from holdfast.certificates.formats import rc2
from holdfast.certificates.formats.parsing import SkippedPart, parse
from issuing import issue, keystore, tlv

A, B = issue(ca=True, common_name="a"), issue(ca=True, common_name="b")
DERS = [A.der, B.der]
SECRET = BestAvailableEncryption(b"secret")
PBES = pkcs12.PBES
# Created with: openssl pkcs12 -export -nokeys -legacy -passout pass:secret (RC2-40, as Java 8 and Windows write it)
RC2_40 = base64.b64decode(
    "MIICRAIBAzCCAgoGCSqGSIb3DQEHAaCCAfsEggH3MIIB8zCCAe8GCSqGSIb3DQEHBqCCAeAwggHcAgEAMIIB1QYJKoZIhvcNAQcBMBwGCiqGSI"
    "b3DQEMAQYwDgQIlHDOKGisEOYCAggAgIIBqNRZ46ArRDkzeGgO5M5POP7fCQTZ7BEu6Lc6G2AAxxqc5bv5wmhUkoeud81G44Rwzbu6sg3/curZ"
    "vY8e0Wo+5TMcDQD+kyJSdZem2P5Vm3Bcfe0JebtlbUlBIklHZv/HDuAttIPN4tBeXop5wakWI5kyOq2DayVoQDikrZPh3UkqjM7Y80zH0Jshnc"
    "dAeK9TdyMkIYV/VYXbUTN6xGpaaac2eSV6sLsphSC2arMpOAdZLv6cM/NxyIbg6ZCd6/j/3wZK6ZIYJbwm3fZHwJSuBRYLIexMAgmlK1TTfA1O"
    "QI2hg9476N+oPFxYPHOM2atdBPKRlffyi+DhMkvYHrIbX4Yzci3Qdwb0Pki/YK1o/jmDPt1UzF60O0kamsvkpBcN/4d1sUdWUuOXBksmacCpbn"
    "SADuZwvXaR6TmX8R+kpB2Wkv3yyKo/f6Ow1XQBvuvWyGv+mp6u0Al2THEE1aI1XiPx/qCPmFVYtaC009lj7NyuEN734gy/HOqDaD02S8LVmetx"
    "MvxuSO7jGVgsGDjz2bNd0gX5DgefLKbwM3C2TA3KCXr5nHqmLQMwMTAhMAkGBSsOAwIaBQAEFC9bjOCAKaoiaRnmns2GPF1GRsguBAjfHD/2qw"
    "rYpwICCAA="
)


def make_truststore(encryption: KeySerializationEncryption = SECRET, *aliases: str) -> bytes:
    """Create a Java truststore of the type PKCS12."""
    entries = zip((A, B), aliases or ("a", "b"), strict=True)
    certificates = [pkcs12.PKCS12Certificate(leaf.certificate, alias.encode()) for leaf, alias in entries]
    return pkcs12.serialize_java_truststore(certificates, encryption)


def make_keystore(encryption: KeySerializationEncryption) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"own", A.key, A.certificate, [B.certificate], encryption)


def sign(encoding: Encoding) -> bytes:
    return pkcs7.serialize_certificates([A.certificate, B.certificate], encoding)


@pytest.mark.parametrize(
    "data",
    [
        sign(Encoding.PEM),
        sign(Encoding.DER),
        sign(Encoding.PEM).replace(b"PKCS7", b"CMS"),
        sign(Encoding.PEM).replace(b"PKCS7", b"CERTIFICATE"),
        A.pem + sign(Encoding.PEM),
        make_truststore(NoEncryption()),
        make_truststore(),
        keystore([("a", A.der), ("b", B.der)], "secret"),
        keystore([("a", A.der), ("b", B.der)], "secret", jceks=True),
        A.der + B.der,
        base64.b64encode(keystore([("a", A.der), ("b", B.der)], "secret")),
    ],
    ids=["p7-pem", "p7-der", "cms", "odd-label", "pem-p7", "p12-open", "p12", "jks", "jceks", "two-der", "base64"],
)
def test_every_format_is_recognized_by_its_content(data):
    assert sorted(c.der for c in parse(data, "secret").certificates) == sorted(DERS)


@pytest.mark.parametrize("algorithm", [PBES.PBESv2SHA256AndAES256CBC, PBES.PBESv1SHA1And3KeyTripleDESCBC])
@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256(), hashes.SHA512()], ids=["1", "256", "512"])  # noqa: S303 - old files
def test_every_variant_of_pkcs12_opens_only_with_its_password(algorithm, digest):
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(10).key_cert_algorithm(algorithm)
    data = make_truststore(builder.hmac_hash(digest).build("geheim – ключ".encode()))
    assert [c.der for c in parse(data, "geheim – ключ").certificates] == DERS
    with pytest.raises(WrongPassword, match="doesn't open the PKCS#12 file"):
        parse(data, "geheim")
    for nothing in (None, ""):
        with pytest.raises(PasswordNeeded, match=r"password-protected\. Enter its password"):
            parse(data, nothing)


def test_pkcs12_protected_with_rc2_opens():
    assert parse(RC2_40, "secret").certificates[0].fingerprint.startswith("f6735e840882a751")
    with pytest.raises(PasswordNeeded):
        parse(RC2_40)


def test_the_default_password_changeit_is_never_tried():
    with pytest.raises(PasswordNeeded):
        parse(make_truststore(BestAvailableEncryption(b"changeit")))


def test_an_unencrypted_file_needs_no_password_and_accepts_any():
    data = make_truststore(NoEncryption())
    assert parse(data) == parse(data, "anything")
    with pytest.raises(WrongPassword):
        parse(data[:-30] + bytes([data[-30] ^ 1]) + data[-29:], "anything")


def test_used_and_duplicate_entries_are_listed_by_alias():
    for data in (
        keystore([("first", A.der), ("zweite ✓", B.der), ("again", A.der), ("", B.der)]),
        keystore([("first", A.der), ("zweite ✓", B.der), ("again", A.der), ("", B.der)], jceks=True),
    ):
        upload = parse(data)
        assert [part.what for part in upload.used] == ["The entry “first”", "The entry “zweite ✓”"]
        assert [part.fingerprint for part in upload.used] == [c.fingerprint for c in upload.certificates]
        why = "It is a duplicate of an earlier certificate."
        assert upload.ignored == (SkippedPart("The entry “again”", why), SkippedPart("The entry 4", why))
    store = parse(make_truststore(SECRET, "erste ü", "zweite"), "secret")
    assert [part.what for part in store.used] == ["The entry “erste ü”", "The entry “zweite”"]
    assert [part.what for part in parse(sign(Encoding.DER)).used] == ["Certificate 1", "Certificate 2"]
    assert [part.what for part in parse(A.pem + B.pem).used] == ["Block 1", "Block 2"]
    assert [part.what for part in parse(A.der).used] == ["The file"]


def test_an_alias_is_shown_without_misleading_characters():
    upload = parse(keystore([("a\n\u202eb" + "x" * 100, A.der)]))
    assert upload.used[0].what == "The entry “a??b" + "x" * 60 + "…”"


@pytest.mark.parametrize(
    ("data", "where", "remedy"),
    [
        (make_keystore(NoEncryption()), "The entry “own” is a private key", "openssl pkcs12 -in FILE -nokeys"),
        (make_keystore(SECRET), "The entry “own” is a private key", "openssl pkcs12 -in FILE -nokeys"),
        (keystore([("own", A.der)], tag=1), "The entry “own” is a private key", "keytool -exportcert"),
        (keystore([("aes", A.der)], tag=3, jceks=True), "The entry “aes” is a secret key", "keytool -exportcert"),
        (A.der + base64.b64decode(b"".join(A.key_pem.split(b"\n")[1:-2])), "Block 2 of 2 is a private key", "x509"),
    ],
    ids=["p12-open", "p12", "jks", "jceks", "der"],
)
def test_a_key_is_refused_without_a_password_and_with_a_remedy_for_the_format(data, where, remedy):
    with pytest.raises(PrivateKeyRefused) as refusal:
        parse(data)
    assert where in str(refusal.value)
    assert remedy in str(refusal.value)
    assert "nothing was stored" in str(refusal.value)


def test_a_keystore_is_checked_when_its_password_is_given():
    data = keystore([("a", A.der)], "secret")
    assert parse(data) == parse(data, "secret")
    for wrong in (data, data[:-1] + b"?"):
        with pytest.raises(WrongPassword, match="the JKS file"):
            parse(wrong, "secrets")


def test_truncated_files_are_reported_as_cut_off():
    for data, name in ((keystore([("a", A.der)])[:-30], "JKS"), (b"\xce\xce\xce\xce", "JCEKS")):
        with pytest.raises(MalformedFile, match=f"The {name} file can't be read: it is cut off"):
            parse(data)
    for data in (sign(Encoding.DER)[:-9], make_truststore()[:-9]):
        with pytest.raises(MalformedCertificate, match="cut off or damaged"):
            parse(data, "secret")


def test_a_damaged_certificate_in_a_keystore_is_named():
    with pytest.raises(MalformedCertificate, match="The entry “b” can't be read"):
        parse(keystore([("a", A.der), ("b", B.der[:-1])]))
    with pytest.raises(MalformedCertificate, match="Block 1 of 2 can't be read"):
        parse(A.pem.replace(b"\n", b"\nAAAA", 1) + B.pem)


def test_a_store_without_certificates_says_what_it_is():
    for data, name in (
        (keystore([]), r"a Java keystore \(JKS\) without a certificate"),
        (tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d010703"))), "but not a list of certificates"),
    ):
        with pytest.raises(NotACertificate, match=name):
            parse(data)


def test_too_many_are_refused_before_they_are_read():
    for data in (keystore([("a", b"")] * 101), A.der * 101):
        with pytest.raises(TooManyCertificates) as refusal:
            parse(data)
        assert (refusal.value.count, refusal.value.limit) == (101, 100)


def test_the_content_of_a_signed_message_is_ignored_unless_it_is_a_key():
    content = base64.b64decode(b"".join(A.key_pem.split(b"\n")[1:-2]))
    builder = pkcs7.PKCS7SignatureBuilder().add_signer(A.certificate, A.key, hashes.SHA256())
    options = [pkcs7.PKCS7Options.Binary]
    assert parse(builder.set_data(b"hello").sign(Encoding.DER, options)).certificates[0].der == A.der
    with pytest.raises(PrivateKeyRefused, match="The signed content"):
        parse(builder.set_data(content).sign(Encoding.DER, options))


def test_ber_with_indefinite_lengths_is_read():
    info = sign(Encoding.DER)
    inner = info[info.index(b"\xa0") :]
    signed_data = inner[inner.index(b"\x30") :]
    oid = tlv(6, bytes.fromhex("2a864886f70d010702"))
    assert len(parse(b"\x30\x80" + oid + b"\xa0\x80" + signed_data + b"\0\0\0\0").certificates) == 2


@pytest.mark.parametrize(
    ("key", "bits", "plain", "ciphertext"),
    [
        ("0000000000000000", 63, "0000000000000000", "ebb773f993278eff"),
        ("ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"),
        ("3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"),
        ("88", 64, "0000000000000000", "61a8a244adacccf0"),
        ("88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"),
    ],
)
def test_rc2_decrypts_the_examples_of_its_specification(key, bits, plain, ciphertext):
    """The examples are from RFC 2268, section 5."""
    assert rc2.decrypt_cbc(bytes.fromhex(key), bits, bytes(8), bytes.fromhex(ciphertext)).hex() == plain


def test_every_error_has_a_unique_code():
    kinds = CertificateError.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds)
