"""
Certificates in PKCS#12 truststores (RFC 7292). Files with a private key are refused, before decryption if possible.

`cryptography` isn't used to read them, because it does any amount of hashing that a file requires, including in its
encrypted parts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.certificates.errors import (
    MalformedFile,
    NotACertificate,
    PasswordNeeded,
    PrivateKeyRefused,
    TooComplex,
    TooManyIterations,
    WrongPassword,
)
from holdfast.certificates.formats import der, pbe
from holdfast.certificates.formats.der import (
    CONSTRUCTED,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    Element,
    NotDer,
)
from holdfast.certificates.formats.derivation import Work
from holdfast.certificates.formats.parts import Contents, Part, name_entry
from holdfast.certificates.formats.pbe import Cipher, UndecipherableData, UnsupportedEncryption

MAX_ENCRYPTED = 8

_NAME = "PKCS#12"
_REMEDY = "Export only the certificates: openssl pkcs12 -in FILE -nokeys -out certificates.pem"
_REMEDY_WITH_KEYS = (
    "Recreate it: openssl pkcs12 -in FILE -nodes -out both.pem, then openssl pkcs12 -export -in both.pem -out new.p12"
)
_DATA, _ENCRYPTED_DATA = der.encode_oid("1.2.840.113549.1.7.1"), der.encode_oid("1.2.840.113549.1.7.6")
_CONTENT_TYPES = der.encode_oid("1.2.840.113549.1.7")
_BAG = der.encode_oid("1.2.840.113549.1.12.10.1")
_KEY_BAG, _SHROUDED_KEY_BAG, _CERTIFICATE_BAG, _CRL_BAG, _SECRET_BAG, _NESTED = (_BAG + bytes([n]) for n in range(1, 7))
_X509_CERTIFICATE = der.encode_oid("1.2.840.113549.1.9.22.1")
_FRIENDLY_NAME = der.encode_oid("1.2.840.113549.1.9.20")
_EXPLICIT = 0xA0


def is_pkcs12(element: Element) -> bool:
    """Return whether *element* is a PFX."""
    try:
        parts = element.read_children() if element.tag == SEQUENCE else []
        if not der.has_tags(parts, INTEGER, SEQUENCE):
            return False
        info = parts[1].read_children()
    except NotDer:
        return False
    return der.has_tags(info, OID) and bytes(info[0].content).startswith(_CONTENT_TYPES)


def read(element: Element, password: str | None, work: Work) -> Contents:
    """
    Read the certificates. Without *password*, the empty password is tried.

    Raises:
        PrivateKeyRefused: It contains a key, encrypted or not.
        PasswordNeeded: It is encrypted, and no password was given.
        WrongPassword: The password doesn't open it.
        TooManyIterations, OpeningTooSlow: Opening it takes too much work.
        NotACertificate: Its encryption isn't supported.
        MalformedFile: It is cut off or damaged.
    """
    return _read(element, password, work, None)


@dataclass(frozen=True, slots=True)
class Keys:
    """The private keys of a file, still encoded, and the passwords that may decrypt them."""

    elements: list[Element] = field(default_factory=list, repr=False)
    passwords: list[str | None] = field(default_factory=list, repr=False)


def read_with_keys(element: Element, password: str | None, work: Work) -> tuple[Contents, Keys]:
    """Read the certificates and keys of a file. Raises the same errors as `read`, except PrivateKeyRefused."""
    private_keys = Keys()
    try:
        return _read(element, password, work, private_keys), private_keys
    except TooManyIterations as error:
        raise TooManyIterations(error.iterations, error.limit, _REMEDY_WITH_KEYS) from error


def _read(element: Element, password: str | None, work: Work, private_keys: Keys | None) -> Contents:
    try:
        return _Store(element, work, private_keys).read(password)
    except UnsupportedEncryption as error:
        remedy = _REMEDY if private_keys is None else _REMEDY_WITH_KEYS
        raise NotACertificate("a PKCS#12 file with unsupported encryption", remedy) from error
    except (NotDer, UndecipherableData) as error:
        raise MalformedFile(_NAME, "it is cut off or damaged") from error


class _Store:
    """One file: its plain and encrypted parts, not decrypted yet, and how they are encrypted."""

    def __init__(self, element: Element, work: Work, private_keys: Keys | None) -> None:
        """Collect private keys in *private_keys*; if it is None, refuse them."""
        self._element = element
        self._keys = private_keys
        parts = der.expect(element.read_children(), INTEGER, SEQUENCE)
        info = der.expect(parts[1].read_children(), OID, _EXPLICIT)
        if info[0].content != _DATA:
            raise UnsupportedEncryption
        self._authenticated = _read_string(info[1])
        self._plain: list[list[Element]] = []
        self._encrypted: list[tuple[Cipher, bytes]] = []
        for content in _read_sequence(element, self._authenticated):
            self._add(der.expect(content.read_children(), OID, _EXPLICIT))
        if len(self._encrypted) > MAX_ENCRYPTED:
            raise TooComplex(f"it has more than {MAX_ENCRYPTED} encrypted parts")
        self._mac = pbe.read_mac(parts[2]) if len(parts) > 2 else None
        self._work = work

    def _add(self, info: list[Element]) -> None:
        if info[0].content == _DATA:
            self._plain.append(_read_sequence(self._element, _read_string(info[1])))
        elif info[0].content == _ENCRYPTED_DATA:
            data = der.expect(der.expect(info[1].read_children(), SEQUENCE)[0].read_children(), INTEGER, SEQUENCE)
            inner = der.expect(data[1].read_children(), OID, SEQUENCE)
            if len(inner) < 3 or inner[2].tag & ~CONSTRUCTED != 0x80:
                raise NotDer("the encrypted content is missing")
            self._encrypted.append((pbe.read_cipher(inner[1]), inner[2].read_octets()))
        else:
            raise UnsupportedEncryption

    def read(self, password: str | None) -> Contents:
        contents = Contents("a PKCS#12 file")
        for bags in self._plain:
            _read_bags(bags, contents, self._keys)
        passwords = [password] if password else [None, ""]
        if self._encrypted or (self._mac and password):
            encrypted_bags, passwords = self._open(password)
            for bags in encrypted_bags:
                _read_bags(bags, contents, self._keys)
        if self._keys is not None:
            self._keys.passwords.extend(passwords)
        return contents

    def _open(self, password: str | None) -> tuple[list[list[Element]], list[str | None]]:
        # PKCS#12 distinguishes no password from the empty one, but users can't.
        candidates = [password] if password else [None, ""]
        if not self._encrypted:
            candidates += [None, ""]  # it needs no password, so accept any
        for candidate in candidates:
            if self._mac:
                if self._mac.fits(self._authenticated, candidate, self._work):
                    return self._decrypt(candidate), [candidate]
                continue
            try:
                return self._decrypt(candidate), [candidate]
            except (UndecipherableData, NotDer):
                continue
        raise WrongPassword(_NAME) if password else PasswordNeeded(_NAME)

    def _decrypt(self, password: str | None) -> list[list[Element]]:
        return [
            _read_sequence(self._element, cipher.decrypt(data, password, self._work))
            for cipher, data in self._encrypted
        ]


def _read_string(explicit: Element) -> bytes:
    """Return the octet string in *explicit*."""
    inner = explicit.read_children()
    if not inner or inner[0].tag & ~CONSTRUCTED != OCTET_STRING:
        raise NotDer("an octet string is missing")
    return inner[0].read_octets()


def _read_sequence(element: Element, data: bytes) -> list[Element]:
    return der.expect(element.read_within(data), SEQUENCE)[0].read_children()


def _read_bags(bags: Iterable[Element], contents: Contents, private_keys: Keys | None) -> None:
    for bag in bags:
        kind, value, *attributes = der.expect(bag.read_children(), OID, _EXPLICIT)
        number = len(contents.parts) + len(contents.ignored) + 1
        name = name_entry(_read_friendly_name(attributes), number)
        if kind.content in (_KEY_BAG, _SHROUDED_KEY_BAG) and private_keys is not None:
            private_keys.elements.append(der.expect(value.read_children(), SEQUENCE)[0])
        elif kind.content in (_KEY_BAG, _SHROUDED_KEY_BAG):
            raise PrivateKeyRefused(number, number, name, _REMEDY)
        elif kind.content == _SECRET_BAG:
            raise PrivateKeyRefused(number, number, name, _REMEDY, "a secret key")
        elif kind.content == _NESTED:
            _read_bags(der.expect(value.read_children(), SEQUENCE)[0].read_children(), contents, private_keys)
        elif kind.content == _CERTIFICATE_BAG:
            _read_certificate(value, name, number, contents)
        else:
            why = "It is a CRL." if kind.content == _CRL_BAG else "It is not a certificate."
            contents.ignore(name, why)


def _read_certificate(value: Element, name: str, number: int, contents: Contents) -> None:
    kind, certificate = der.expect(der.expect(value.read_children(), SEQUENCE)[0].read_children(), OID, _EXPLICIT)[:2]
    if kind.content == _X509_CERTIFICATE:
        contents.add(Part(name, _read_string(certificate), number, number, name))
    else:
        contents.ignore(name, "It is not an X.509 certificate.")


def _read_friendly_name(attributes: list[Element]) -> str:
    for attribute in attributes[0].read_children() if attributes and attributes[0].tag == SET else ():
        kind, values = der.expect(attribute.read_children(), OID, SET)[:2]
        if kind.content == _FRIENDLY_NAME:
            for value in values.read_children():
                return bytes(value.content).decode("utf-16-be", "replace")
    return ""
