"""
Certificates in Java keystores of the types JKS and JCEKS, in which certificates are not encrypted.

The format has no specification; sun.security.provider.JavaKeyStore defines it. The password only keys a digest of the
whole file, so it is optional, and verified if given.
"""

import hashlib
import hmac
import struct

from holdfast.certificates.errors import (
    MalformedFile,
    PrivateKeyRefused,
    TooManyCertificates,
    WrongPassword,
)
from holdfast.certificates.formats.parts import MAX_CERTIFICATES, Contents, Part, name_entry

_MAGIC = {b"\xfe\xed\xfe\xed": "JKS", b"\xce\xce\xce\xce": "JCEKS"}
_DIGEST_SIZE = 20
_SMALLEST_ENTRY = 20
_KEY, _CERTIFICATE, _SECRET = 1, 2, 3
_REMEDY = "Export only the certificate: keytool -exportcert -rfc -alias ALIAS -keystore FILE -file certificate.pem"


def is_keystore(data: bytes) -> bool:
    """Return whether *data* begins like a JKS or JCEKS keystore."""
    return data[:4] in _MAGIC


def read(data: bytes, password: str | None) -> Contents:
    """
    Read the trusted certificates of a keystore.

    Raises:
        PrivateKeyRefused: One entry is a key.
        WrongPassword: The digest doesn't match the given password.
        TooManyCertificates: Its header states too many entries.
        MalformedFile: It is cut off or damaged.
    """
    kind = _MAGIC[data[:4]]
    try:
        contents = _read_entries(_Reader(data[:-_DIGEST_SIZE]), kind)
    except (struct.error, _DamagedFile) as error:
        raise MalformedFile(kind, "it is cut off or damaged") from error
    if password and not hmac.compare_digest(_digest(data[:-_DIGEST_SIZE], password), data[-_DIGEST_SIZE:]):
        raise WrongPassword(kind)
    return contents


class _DamagedFile(ValueError):
    pass


class _Reader:
    """Numbers, strings and byte strings in the format of java.io.DataInput."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 4  # after the magic number

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise _DamagedFile
        self._at += size
        return self._data[self._at - size : self._at]

    def read_number(self) -> int:
        return int(struct.unpack(">I", self.take(4))[0])

    def read_text(self) -> str:
        """Modified UTF-8: NUL in two octets, and characters beyond the BMP as two surrogates."""
        octets = self.take(struct.unpack(">H", self.take(2))[0]).replace(b"\xc0\x80", b"\0")
        try:
            return octets.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        except UnicodeDecodeError:
            return octets.decode("utf-8", "replace")


def _read_entries(reader: _Reader, kind: str) -> Contents:
    version, count = reader.read_number(), reader.read_number()
    if version not in (1, 2) or count * _SMALLEST_ENTRY > reader.left:
        raise _DamagedFile
    if count > MAX_CERTIFICATES:
        raise TooManyCertificates(count, MAX_CERTIFICATES)
    contents = Contents(f"a Java keystore ({kind})")
    for number in range(1, count + 1):
        tag = reader.read_number()
        name = name_entry(reader.read_text(), number)
        reader.take(8)  # creation time
        if tag in (_KEY, _SECRET):
            what = "a private key" if tag == _KEY else "a secret key"
            raise PrivateKeyRefused(number, count, name, _REMEDY, what)
        if tag != _CERTIFICATE:
            raise _DamagedFile
        certificate_type = reader.read_text() if version == 2 else "X.509"
        der = reader.take(reader.read_number())
        if certificate_type in ("X.509", "X509"):
            contents.add(Part(name, der, number, count, name))
        else:
            contents.ignore(name, "It is not an X.509 certificate.")
    if reader.left:
        raise _DamagedFile
    return contents


def _digest(data: bytes, password: str) -> bytes:
    octets = password.encode("utf-16-be", "surrogatepass")
    return hashlib.sha1(octets + b"Mighty Aphrodite" + data, usedforsecurity=False).digest()
