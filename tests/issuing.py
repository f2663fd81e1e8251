"""
Issues certificates of every kind that a backend can present.

    root = issue(ca=True)
    intermediate = issue(by=root, ca=True)
    backend = issue("localhost", by=intermediate)
"""

import hashlib
import ssl
import struct
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from holdfast.certificates.formats import der

EdwardsKey = ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
PrivateKey = ec.EllipticCurvePrivateKey | EdwardsKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey
Extension = tuple[x509.ExtensionType, bool]
CLIENTS_ONLY = ExtendedKeyUsageOID.CLIENT_AUTH
UNKNOWN_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\5\0")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate, its private key and the certificates above it, its issuer first, the self-signed one left out."""

    certificate: x509.Certificate
    key: PrivateKey
    issuers: tuple[x509.Certificate, ...]

    @property
    def pem(self) -> bytes:
        """The certificate, without its chain, in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate, without its chain, in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        """The private key, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def chain_pem(self) -> bytes:
        """The certificate and its intermediates, as a server sends them."""
        return b"".join(c.public_bytes(Encoding.PEM) for c in (self.certificate, *self.issuers))

    @property
    def alone(self) -> "Identity":
        """The same, of a server that forgot its intermediates."""
        return Identity(self.certificate, self.key, ())

    def followed_by(self, *above: "Identity") -> "Identity":
        """The same, of a server that sends *above* after it."""
        return Identity(self.certificate, self.key, tuple(identity.certificate for identity in above))


def issue(
    *names: str,
    by: Identity | None = None,
    ca: bool | None = False,
    path_length: int | None = None,
    key: PrivateKey | None = None,
    common_name: str = "",
    start: timedelta = -DAY,
    end: timedelta = 365 * DAY,
    purpose: x509.ObjectIdentifier | None = None,
    permitted: str | None = None,
    identified: bool = True,
    more: Iterable[Extension] = (),
) -> Identity:
    """
    Issue a certificate for *names* (DNS names and IP addresses), self-signed unless *by* is given.

    *ca* and *path_length* are what basicConstraints say, a *ca* of None leaves them out; *start* and *end* count from
    now; *permitted* is the only DNS name that a CA may issue for. Without *identified*, the key identifiers of subject
    and issuer are left out, as keytool and Go do in self-signed certificates. *more* are extensions, each with whether
    it is critical.
    """
    key = key or p256()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or ", ".join(names) or "a CA")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
    )
    for extension, critical in (*_extensions(names, ca, path_length, purpose, permitted), *more):
        builder = builder.add_extension(extension, critical)
    signing_key = by.key if by else key
    if identified:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key())
        builder = builder.add_extension(issuer, critical=False)
    digest = None if isinstance(signing_key, EdwardsKey) else hashes.SHA256()
    return Identity(builder.sign(signing_key, digest), key, _issuers(by))


def _extensions(
    names: Iterable[str],
    ca: bool | None,
    path_length: int | None,
    purpose: x509.ObjectIdentifier | None,
    permitted: str | None,
) -> Iterable[Extension]:
    if ca is not None:
        yield x509.BasicConstraints(ca=ca, path_length=path_length), True
    if names:
        yield x509.SubjectAlternativeName([_general_name(name) for name in names]), False
    if purpose is not None:
        yield x509.ExtendedKeyUsage([purpose]), False
    if permitted is not None:
        yield x509.NameConstraints([x509.DNSName(permitted)], None), True


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A signature algorithm that libraries no longer offer: its OID and its hash algorithm."""

    oid: str
    digest: hashes.HashAlgorithm


MD5_WITH_RSA = Algorithm("1.2.840.113549.1.1.4", hashes.MD5())  # noqa: S303 - weak on purpose
SHA1_WITH_RSA = Algorithm("1.2.840.113549.1.1.5", hashes.SHA1())  # noqa: S303


def key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> Extension:
    """Make a critical keyUsage; keyEncipherment is there always, as it may not be empty."""
    names = ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    bits = dict.fromkeys(names, False)
    own = {"digital_signature": digital_signature, "key_cert_sign": key_cert_sign, "key_encipherment": True}
    own["crl_sign"] = crl_sign
    return x509.KeyUsage(**bits, **own), True


def alter(
    identity: Identity, by: Identity | None = None, algorithm: Algorithm | None = None, **parts: bytes
) -> Identity:
    """
    Replace parts of a certificate in DER and sign it again, which `cryptography` would refuse to do.

    The parts are called as in RFC 5280, section 4.1: version, serial_number, signature, issuer, validity, subject,
    spki, extensions; an empty one is left out. *by* signs it, or else its own key; *algorithm* needs an RSA key.
    """
    return Identity(_load(alter_der(identity, by, algorithm, **parts)), identity.key, identity.issuers)


def alter_der(
    identity: Identity, by: Identity | None = None, algorithm: Algorithm | None = None, **parts: bytes
) -> bytes:
    """Return the DER of the certificate that `alter` makes, even if `cryptography` can't load it."""
    (certificate,) = der.read(identity.der)
    tbs, signature_algorithm, _ = certificate.read_children()
    names = ("version", "serial_number", "signature", "issuer", "validity", "subject", "spki", "extensions")
    elements = dict(zip(names, (bytes(element.raw) for element in tbs.read_children()), strict=True))
    signature = bytes(signature_algorithm.raw)
    if algorithm:
        signature = tlv(0x30, tlv(0x06, der.encode_oid(algorithm.oid)), tlv(0x05))
    content = tlv(0x30, *(elements | {"signature": signature} | parts).values())
    value = _sign((by or identity).key, content, algorithm.digest if algorithm else hashes.SHA256())
    return tlv(0x30, content, signature, tlv(0x03, b"\0" + value))


def _sign(key: PrivateKey, content: bytes, digest: hashes.HashAlgorithm) -> bytes:
    if isinstance(key, EdwardsKey):
        return key.sign(content)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), digest)
    if isinstance(key, dsa.DSAPrivateKey):
        return key.sign(content, digest)
    return key.sign(content, ec.ECDSA(digest))


def _load(data: bytes) -> x509.Certificate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(data)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _issuers(by: Identity | None) -> tuple[x509.Certificate, ...]:
    if by is None or by.certificate.subject == by.certificate.issuer:
        return ()
    return (by.certificate, *by.issuers)


def p256() -> PrivateKey:
    """Make the key that is usual today."""
    return ec.generate_private_key(ec.SECP256R1())


def p521() -> PrivateKey:
    """Make an elliptic-curve key that Envoy accepts only when told to."""
    return ec.generate_private_key(ec.SECP521R1())


def secp256k1() -> PrivateKey:
    """Make an elliptic-curve key that Envoy knows nothing of."""
    return ec.generate_private_key(ec.SECP256K1())


def ed25519_key() -> PrivateKey:
    """Make an Ed25519 key, which Envoy accepts only when told to."""
    return ed25519.Ed25519PrivateKey.generate()


def ed448_key() -> PrivateKey:
    """Make an Ed448 key, which Envoy never accepts."""
    return ed448.Ed448PrivateKey.generate()


def dsa_key() -> PrivateKey:
    """Make a DSA key, which Envoy never accepts."""
    return dsa.generate_private_key(2048)


def curve_key(curve: ec.EllipticCurve) -> PrivateKey:
    """Make a key on any curve."""
    return ec.generate_private_key(curve)


def rsa_key(bits: int = 2048) -> PrivateKey:
    """Make an RSA key; with 1024 *bits* it is one that was good enough in 2005."""
    return rsa.generate_private_key(65537, bits)


def revoke(by: Identity, *identities: Identity, end: timedelta = 30 * DAY) -> bytes:
    """Make the CRL of *by*, as PEM, that lists *identities* and ends after *end*."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(now - 30 * DAY)
        .next_update(now + end)
    )
    for identity in identities:
        entry = x509.RevokedCertificateBuilder().serial_number(identity.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(now - DAY).build())
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def server_context(
    identity: Identity, alpn: Iterable[str] = (), client_ca: Identity | None = None, *, client_needed: bool = True
) -> ssl.SSLContext:
    """
    Make the TLS side of a server that presents *identity* and its issuers.

    With *client_ca* it asks for a certificate that this CA issued, and refuses who has none if one is needed.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # OpenSSL would refuse to present weak keys; the tests check whether gateways accept them.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if client_ca:
        context.load_verify_locations(cadata=client_ca.pem.decode())
        context.verify_mode = ssl.CERT_REQUIRED if client_needed else ssl.CERT_OPTIONAL
    with tempfile.NamedTemporaryFile() as file:
        file.write(identity.key_pem + identity.chain_pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def speak_only(context: ssl.SSLContext, version: ssl.TLSVersion, ciphers: str = "") -> ssl.SSLContext:
    """Let the server of *context* speak one version, and in TLS 1.2 and before only *ciphers* if they are given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old versions are used on purpose
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    return context


def ask_clients(context: ssl.SSLContext, ca: Identity) -> ssl.SSLContext:
    """Let the server of *context* ask for client certificates of *ca*."""
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ca.pem.decode())
    return context


def answer(csr_pem: str, by: Identity) -> Identity:
    """Sign a certificate request as a CA. The result has the CA's private key, because the request's isn't known."""
    request = x509.load_pem_x509_csr(csr_pem.encode())
    assert request.is_signature_valid
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(by.certificate.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 90 * DAY)
    )
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return Identity(builder.sign(by.key, hashes.SHA256()), by.key, _issuers(by))


def identity_file(password: str, identity: Identity) -> bytes:
    """Write a PKCS#12 file of a key and its chain that *password* protects."""
    protection = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    issuers = list(identity.issuers)
    return pkcs12.serialize_key_and_certificates(b"me", identity.key, identity.certificate, issuers, protection)


def truststore(password: str, *identities: Identity) -> bytes:
    """Write a PKCS#12 file with only certificates, protected by *password*."""
    protection = BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(
        None, None, None, [identity.certificate for identity in identities], protection
    )


def keystore(entries: Iterable[tuple[str, bytes]], password: str = "", tag: int = 2, jceks: bool = False) -> bytes:
    """Make a Java keystore of aliases and DER certificates; tag 1 makes them keys with a chain, 3 secret keys."""
    entries = list(entries)
    data = bytes.fromhex("cececece" if jceks else "feedfeed") + struct.pack(">II", 2, len(entries))
    for alias, content in entries:
        name = alias.encode()
        data += struct.pack(">IH", tag, len(name)) + name + bytes(8)
        certificate = struct.pack(">H", 5) + b"X.509" + struct.pack(">I", len(content)) + content
        key = struct.pack(">I", 9) + b"encrypted" + struct.pack(">I", 1)
        data += (key if tag == 1 else b"") + certificate
    secret = password.encode("utf-16-be") + b"Mighty Aphrodite"
    return data + hashlib.sha1(secret + data, usedforsecurity=False).digest()


def tlv(tag: int, *contents: bytes) -> bytes:
    """Encode one DER element."""
    content = b"".join(contents)
    size = len(content).to_bytes(4, "big").lstrip(b"\0") or b"\0"
    length = size if len(content) < 0x80 else bytes([0x80 | len(size)]) + size
    return bytes([tag]) + length + content
