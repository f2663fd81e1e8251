"""
Password-based encryption and authentication of PKCS#12 files (RFC 7292, RFC 8018, RFC 9579).

`read_cipher` and `read_mac` read and bound the work that a file requires; the work is done later.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from holdfast.certificates.errors import TooManyIterations
from holdfast.certificates.formats import der, rc2
from holdfast.certificates.formats.der import INTEGER, OCTET_STRING, OID, SEQUENCE, Element, NotDer
from holdfast.certificates.formats.derivation import (
    ENCRYPTION_KEY,
    IV,
    MAC_KEY,
    MAX_ITERATIONS,
    Derivation,
    Work,
)

T = TypeVar("T")

RC2_WORK = 25  # rounds of hashing that take as long as one block, because RC2 is written in Python

_DIGESTS = {
    der.encode_oid("1.3.14.3.2.26"): "sha1",
    der.encode_oid("2.16.840.1.101.3.4.2.4"): "sha224",
    der.encode_oid("2.16.840.1.101.3.4.2.1"): "sha256",
    der.encode_oid("2.16.840.1.101.3.4.2.2"): "sha384",
    der.encode_oid("2.16.840.1.101.3.4.2.3"): "sha512",
}
_HMACS = {
    der.encode_oid(f"1.2.840.113549.2.{arc}"): name
    for arc, name in ((7, "sha1"), (8, "sha224"), (9, "sha256"), (10, "sha384"), (11, "sha512"))
}
_PBKDF2 = der.encode_oid("1.2.840.113549.1.5.12")
_PBES2 = der.encode_oid("1.2.840.113549.1.5.13")
_PBMAC1 = der.encode_oid("1.2.840.113549.1.5.14")
_TRIPLE_DES = der.encode_oid("1.2.840.113549.3.7")
_AES = {der.encode_oid(f"2.16.840.1.101.3.4.1.{arc}"): size for arc, size in ((2, 16), (22, 24), (42, 32))}
_PKCS12_PBE = der.encode_oid("1.2.840.113549.1.12.1")


class UnsupportedEncryption(ValueError):
    """The file uses encryption that Holdfast doesn't support."""


class UndecipherableData(ValueError):
    """The password is wrong, or the file is damaged."""


@dataclass(frozen=True, slots=True)
class Mac:
    """The authentication of a PKCS#12 file."""

    derivation: Derivation
    digest: str
    expected: bytes

    def fits(self, data: bytes, password: str | None, work: Work) -> bool:
        """Return whether the MAC of *data* was made with *password*. Raises TooManyIterations."""
        size = hashlib.new(self.digest, usedforsecurity=False).digest_size
        key = self.derivation.derive_key(MAC_KEY, size, password, work)
        return hmac.compare_digest(hmac.digest(key, data, self.digest), self.expected)


@dataclass(frozen=True, slots=True)
class Cipher:
    """The encryption of one part of a PKCS#12 file; without *iv*, the IV is derived too."""

    derivation: Derivation
    key_size: int
    block_size: int
    run: Callable[[bytes, bytes, bytes], bytes]
    iv: bytes | None = None
    block_work: int = 0

    def decrypt(self, data: bytes, password: str | None, work: Work) -> bytes:
        """Decrypt *data* and remove the padding. Raises UndecipherableData, TooManyIterations."""
        if not data or len(data) % self.block_size:
            raise UndecipherableData
        work.spend(self.block_work * len(data) // self.block_size)
        key = self.derivation.derive_key(ENCRYPTION_KEY, self.key_size, password, work)
        iv = self.iv or self.derivation.derive_key(IV, self.block_size, password, work)
        plain = self.run(key, iv, data)
        padding = plain[-1]
        if not 1 <= padding <= self.block_size or plain[-padding:] != bytes([padding]) * padding:
            raise UndecipherableData
        return plain[:-padding]


def read_mac(element: Element) -> Mac:
    """Read MacData (RFC 7292, section 4). Raises NotDer, UnsupportedEncryption, TooManyIterations."""
    data = der.expect(element.read_children(), SEQUENCE, OCTET_STRING)
    algorithm, digest_value = der.expect(data[0].read_children(), SEQUENCE, OCTET_STRING)[:2]
    name, *parameters = der.expect(algorithm.read_children(), OID)
    if name.content == _PBMAC1:
        kdf, mac = der.expect(der.expect(parameters, SEQUENCE)[0].read_children(), SEQUENCE, SEQUENCE)[:2]
        digest = _look_up(_HMACS, der.expect(mac.read_children(), OID)[0])
        return Mac(_read_pbkdf2(kdf), digest, digest_value.read_octets())
    digest = _look_up(_DIGESTS, name)
    iterations = data[2].read_integer() if len(data) > 2 else 1
    return Mac(_read_derivation(digest, data[1], iterations, pbkdf2=False), digest, digest_value.read_octets())


def read_cipher(element: Element) -> Cipher:
    """Read an encryption AlgorithmIdentifier. Raises NotDer, UnsupportedEncryption, TooManyIterations."""
    name, parameters = der.expect(element.read_children(), OID, SEQUENCE)[:2]
    if name.content == _PBES2:
        kdf, scheme = der.expect(parameters.read_children(), SEQUENCE, SEQUENCE)[:2]
        cipher, iv = der.expect(scheme.read_children(), OID, OCTET_STRING)[:2]
        if cipher.content == _TRIPLE_DES:
            return Cipher(_read_pbkdf2(kdf), 24, 8, _decrypt_triple_des, _read_initialization_vector(iv, 8))
        return Cipher(_read_pbkdf2(kdf), _look_up(_AES, cipher), 16, _decrypt_aes, _read_initialization_vector(iv, 16))
    salt, iterations = der.expect(parameters.read_children(), OCTET_STRING, INTEGER)[:2]
    ciphers = {
        3: (24, _decrypt_triple_des, 0),
        4: (16, _decrypt_triple_des, 0),
        5: (16, _decrypt_rc2_128, RC2_WORK),
        6: (5, _decrypt_rc2_40, RC2_WORK),
    }
    arc = {_PKCS12_PBE + bytes([number]): number for number in ciphers}
    size, run, block_work = ciphers[_look_up(arc, name)]
    return Cipher(
        _read_derivation("sha1", salt, iterations.read_integer(), pbkdf2=False), size, 8, run, None, block_work
    )


def _read_pbkdf2(element: Element) -> Derivation:
    name, parameters = der.expect(element.read_children(), OID, SEQUENCE)[:2]
    if name.content != _PBKDF2:
        raise UnsupportedEncryption
    salt, iterations, *options = der.expect(parameters.read_children(), OCTET_STRING, INTEGER)
    functions = [_look_up(_HMACS, der.expect(o.read_children(), OID)[0]) for o in options if o.tag == SEQUENCE]
    return _read_derivation(functions[0] if functions else "sha1", salt, iterations.read_integer(), pbkdf2=True)


def _read_derivation(digest: str, salt: Element, iterations: int, *, pbkdf2: bool) -> Derivation:
    if iterations > MAX_ITERATIONS:
        raise TooManyIterations(iterations, MAX_ITERATIONS)
    if iterations < 1 or len(salt.content) > 1024:
        raise NotDer("a number is out of range")
    return Derivation(digest, salt.read_octets(), iterations, pbkdf2)


def _look_up(table: dict[bytes, T], element: Element) -> T:
    value = table.get(bytes(element.content))
    if value is None:
        raise UnsupportedEncryption
    return value


def _read_initialization_vector(element: Element, size: int) -> bytes:
    octets = element.read_octets()
    if len(octets) != size:
        raise NotDer("an initialization vector has the wrong size")
    return octets


def _decrypt_aes(key: bytes, iv: bytes, data: bytes) -> bytes:
    decryptor = BlockCipher(AES(key), CBC(iv)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def _decrypt_triple_des(key: bytes, iv: bytes, data: bytes) -> bytes:
    decryptor = BlockCipher(TripleDES(key if len(key) == 24 else key + key[:8]), CBC(iv)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def _decrypt_rc2_128(key: bytes, iv: bytes, data: bytes) -> bytes:
    return rc2.decrypt_cbc(key, 128, iv, data)


def _decrypt_rc2_40(key: bytes, iv: bytes, data: bytes) -> bytes:
    return rc2.decrypt_cbc(key, 40, iv, data)
