"""
Private keys of gateway identities, of the types that Envoy loads, read and generated with bounded work.

Envoy 1.40 loads RSA with at least 2048 bits, P-256, P-384, P-521 and Ed25519 (measured). Holdfast limits RSA to 4096
bits, because checking a key of 8192 bits takes 3 seconds.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from holdfast.certificates.errors import (
    PasswordNeeded,
    TooManyIterations,
    UnusableKey,
    WrongPassword,
)
from holdfast.certificates.formats import der, keys, pbe
from holdfast.certificates.formats.der import INTEGER, OCTET_STRING, OID, SEQUENCE, Element, NotDer
from holdfast.certificates.formats.derivation import Work
from holdfast.certificates.formats.pbe import Cipher, UndecipherableData, UnsupportedEncryption

Handle = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
MAX_DER = 4096  # bytes; RSA 4096 takes 2,373
_RSA_BITS = (2048, 4096)
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_RSA, _EC, _ED25519 = (
    der.encode_oid("1.2.840.113549.1.1.1"),
    der.encode_oid("1.2.840.10045.2.1"),
    der.encode_oid("1.3.101.112"),
)
_CURVE = 0xA0  # RFC 5915, section 3
_DECRYPT = "Encrypt it again: openssl pkcs8 -topk8 -v2 aes256 -in FILE -out key.pem"
# Encrypted keys as OpenSSL wrote them before PKCS#8, with one round of MD5, so there is nothing to bound.
_OLD_ENCRYPTED = re.compile(
    rb"-----BEGIN (RSA|EC) PRIVATE KEY-----\r?\nProc-Type: 4,ENCRYPTED\r?\nDEK-Info: [A-Z0-9-]{1,32},[0-9A-Fa-f]{1,64}"
    rb"\r?\n\r?\n[A-Za-z0-9+/=\r\n]{1,8192}-----END \1 PRIVATE KEY-----"
)


class KeyType(StrEnum):
    """The types of keys that Holdfast generates."""

    P256 = "ec-p256"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A usable private key; its representation never shows the key."""

    der: bytes = field(repr=False)  # PKCS#8, always encoded by Holdfast
    spki_fingerprint: str  # of its public key, as in Certificate
    kind: str  # for display

    @property
    def pem(self) -> str:
        """The key as PEM, only for gateways."""
        return _encode(self.load_handle(), Encoding.PEM).decode()

    def load_handle(self) -> Handle:
        """Return the key object for signing."""
        key = load_der_private_key(self.der, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, Handle)  # noqa: S101 - nothing else becomes a PrivateKey
        return key  # it was checked when it was read


def make_key(kind: KeyType) -> PrivateKey:
    """Generate a key."""
    if kind is KeyType.P256:
        return _wrap(ec.generate_private_key(ec.SECP256R1()))
    return _wrap(rsa.generate_private_key(65537, 2048 if kind is KeyType.RSA_2048 else 3072))


def read_key(element: Element, passwords: Sequence[str | None], work: Work, format_name: str) -> PrivateKey:
    """
    Read a key in any format that `keys.is_private_key` recognizes: PKCS#8, encrypted or not, or an older format.

    Raises:
        PasswordNeeded, WrongPassword: It is encrypted, and none of *passwords* opens it.
        TooManyIterations, OpeningTooSlow: Opening it takes too much work.
        UnusableKey: It is damaged, or of a type that gateways don't support.
    """
    if not keys.is_encrypted(element):
        return load_key(bytes(element.raw))
    try:
        algorithm, data = der.expect(element.read_children(), SEQUENCE, OCTET_STRING)[:2]
        cipher = pbe.read_cipher(algorithm)
        key_elements = [
            element
            for password in passwords
            for element in _decrypt_elements(cipher, data.read_octets(), password, work)
        ]
    except TooManyIterations as error:
        raise TooManyIterations(error.iterations, error.limit, _DECRYPT) from None
    except UnsupportedEncryption:
        raise UnusableKey("uses unsupported encryption", _DECRYPT) from None
    except NotDer:
        raise UnusableKey("is damaged", _list_kinds()) from None
    if not key_elements:
        raise WrongPassword(format_name) if any(passwords) else PasswordNeeded(format_name)
    return load_key(bytes(key_elements[0].raw))


def _decrypt_elements(cipher: Cipher, data: bytes, password: str | None, work: Work) -> list[Element]:
    try:
        elements = der.read(cipher.decrypt(data, password, work))
    except (UndecipherableData, NotDer):
        return []
    return [element for element in elements[:1] if keys.is_private_key(element) and not keys.is_encrypted(element)]


def split_old_encrypted(text: bytes) -> tuple[bytes, bytes]:
    """Return the first key in the encrypted format before PKCS#8 (empty if there is none), and the rest of *text*."""
    match = _OLD_ENCRYPTED.search(text)
    return (match[0], text[: match.start()] + text[match.end() :]) if match else (b"", text)


def read_old_encrypted(text: bytes, password: str | None) -> PrivateKey:
    """Read a key returned by `split_old_encrypted`. Raises PasswordNeeded, WrongPassword, UnusableKey."""
    if not password:
        raise PasswordNeeded("PEM")
    try:
        # Not validated here: the size, and so the work, is known only after decryption.
        key = load_pem_private_key(text, password.encode("utf-8", "surrogatepass"), unsafe_skip_rsa_key_validation=True)
        plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    except Exception:  # noqa: BLE001 - the cause must not reveal the password
        raise WrongPassword("PEM") from None
    return load_key(plain)


def load_key(data: bytes) -> PrivateKey:
    """Read a key that is not encrypted, as DER, and check it. Raises UnusableKey."""
    if len(data) > MAX_DER:
        raise UnusableKey(f"has more than {MAX_DER} bytes", _list_kinds())
    if not _is_of_known_size(data):
        raise UnusableKey("has a type or size that gateways don't support", _list_kinds())
    try:
        key = load_der_private_key(data, None)
    except Exception:  # noqa: BLE001 - the cause can quote the key
        raise UnusableKey("is damaged or of an unknown type", _list_kinds()) from None
    return _wrap(key)


def _is_of_known_size(data: bytes) -> bool:
    """Check the size before validating the key: testing whether a number of 16,000 bits is prime takes a minute."""
    try:
        (element,) = der.read(data)
        parts = element.read_children()
        if der.has_tags(parts, INTEGER, SEQUENCE, OCTET_STRING):
            kind, *parameters = parts[1].read_children()
            if kind.content == _EC:
                return der.has_tags(parameters, OID)
            if kind.content != _RSA:
                return kind.content == _ED25519
            (inner,) = element.read_within(parts[2].read_octets())
            parts = inner.read_children()
        if der.has_tags(parts, INTEGER, OCTET_STRING):
            return all(der.has_tags(part.read_children(), OID) for part in parts[2:] if part.tag == _CURVE)
    except ValueError:  # NotDer, or another number of elements
        return False
    sizes = [len(part.content) for part in parts if part.tag == INTEGER]
    longest = _RSA_BITS[1] // 8 + 1  # including the sign octet
    return len(sizes) == len(parts) == 9 and max(sizes) <= longest and max(sizes[4:6]) <= longest // 2 + 1


def open_key(data: bytes) -> PrivateKey:
    """Read a key that was validated before it was sealed; sealing authenticates it, so it is not validated again."""
    return _wrap(load_der_private_key(data, None, unsafe_skip_rsa_key_validation=True))


def _wrap(key: object) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey) and _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        kind = f"RSA {key.key_size}"
    elif isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        kind = f"EC {_CURVES[key.curve.name]}"
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        kind = "Ed25519"
    else:
        raise UnusableKey("has a type or size that gateways don't support", _list_kinds())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PrivateKey(_encode(key, Encoding.DER), hashlib.sha256(public).hexdigest(), kind)


def _encode(key: Handle, encoding: Encoding) -> bytes:
    return key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())


def _list_kinds() -> str:
    return f"Use RSA with {_RSA_BITS[0]} to {_RSA_BITS[1]} bits, P-256, P-384, P-521 or Ed25519."
