"""
Writes CRLs of every kind (RFC 5280, section 5), including those that no library writes.

    write_crl(root, extensions=[NUMBER, extension("2.5.29.27", tlv(0x02, b"\\1"), critical=True)])
"""

from base64 import encodebytes
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from holdfast.certificates.formats import der
from issuing import DAY, Identity, tlv

ECDSA_SHA256, RSA_SHA256 = "1.2.840.10045.4.3.2", "1.2.840.113549.1.1.11"
_DIGESTS = {"sha256": hashes.SHA256(), "sha1": hashes.SHA1(), "md5": hashes.MD5()}  # noqa: S303 - weak on purpose


def extension(oid: str, content: bytes, *, critical: bool = False) -> bytes:
    """Make one extension of a CRL or of an entry."""
    flag = tlv(0x01, b"\xff") if critical else b""
    return tlv(0x30, tlv(0x06, der.encode_oid(oid)), flag, tlv(0x04, content))


NUMBER = extension("2.5.29.20", tlv(0x02, b"\5"))


def write_crl(
    by: Identity,
    *identities: Identity,
    extensions: Iterable[bytes] = (NUMBER,),
    entry_extensions: Iterable[bytes] = (),
    version: int | None = 1,
    start: timedelta = -30 * DAY,
    end: timedelta | None = 30 * DAY,
    signed_by: Identity | None = None,
    oid: str = "",
    digest: str = "sha256",
) -> bytes:
    """
    Write the CRL of *by* as PEM, signed with the key of *signed_by* if that is another.

    *version* is 1 for v2 and None for v1; *start* and *end* count from now, and without *end* there is no nextUpdate.
    *oid* and *digest* are the algorithm of the signature, by default ECDSA or RSA with SHA-256.
    """
    key = (signed_by or by).key
    name = by.certificate.subject.public_bytes()
    algorithm = tlv(
        0x30, tlv(0x06, der.encode_oid(oid or (RSA_SHA256 if isinstance(key, rsa.RSAPrivateKey) else ECDSA_SHA256)))
    )
    now = datetime.now(UTC)
    entries = [_entry(identity, now - DAY, list(entry_extensions)) for identity in identities]
    extension_list = list(extensions)
    content = tlv(
        0x30,
        b"" if version is None else tlv(0x02, bytes([version])),
        algorithm,
        name,
        _time(now + start),
        _time(now + end) if end is not None else b"",
        tlv(0x30, *entries) if entries else b"",
        tlv(0xA0, tlv(0x30, *extension_list)) if extension_list else b"",
    )
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(content, padding.PKCS1v15(), _DIGESTS[digest])
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = key.sign(content, ec.ECDSA(_DIGESTS[digest]))
    crl = tlv(0x30, content, algorithm, tlv(0x03, b"\0" + signature))
    return b"-----BEGIN X509 CRL-----\n" + encodebytes(crl) + b"-----END X509 CRL-----\n"


def _entry(identity: Identity, when: datetime, extensions: list[bytes]) -> bytes:
    number = identity.certificate.serial_number
    serial = tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
    return tlv(0x30, serial, _time(when), tlv(0x30, *extensions) if extensions else b"")


def _time(moment: datetime) -> bytes:
    if moment.year < 2050:
        return tlv(0x17, f"{moment:%y%m%d%H%M%SZ}".encode())
    return tlv(0x18, f"{moment:%Y%m%d%H%M%SZ}".encode())
