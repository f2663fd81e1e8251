"""
Certificate revocation lists (RFC 5280, section 5).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.errors import CertificateError, EmptyUpload, UploadTooLarge
from holdfast.certificates.extensions import name_extension
from holdfast.certificates.formats import pem
from holdfast.certificates.formats.der import SEQUENCE, read, write
from holdfast.certificates.formats.structure import read_extension_oid
from holdfast.certificates.names import write_name

MAX_BYTES = 1024 * 1024
MAX_LISTS = 20


class NotRevocationLists(CertificateError):
    """The upload can't be used as CRLs; *reason* says why."""

    code = "not-a-crl"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The file can't be used as a CRL: {reason}. Upload the CA's CRL as PEM or DER.")


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A CRL, read once and never changed."""

    der: bytes
    fingerprint: str  # SHA-256 of the DER, lower-case hex
    issuer: str
    this_update: datetime  # aware, UTC
    next_update: datetime | None  # after that, a gateway rejects every certificate that the CRL covers
    entries: int

    @property
    def pem(self) -> str:
        """The CRL as PEM, always encoded from the DER."""
        return x509.load_der_x509_crl(self.der).public_bytes(Encoding.PEM).decode()

    def is_stale(self, now: datetime) -> bool:
        """Return whether it has expired at *now* (aware); gateways then reject the certificates that it covers."""
        return self.next_update is not None and now > self.next_update

    def lists(self, certificate: Certificate) -> bool:
        """Return whether it lists the serial number of *certificate*; the caller must compare the issuers."""
        crl = x509.load_der_x509_crl(self.der)
        return crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None

    def is_signed_by(self, certificate: Certificate) -> bool:
        """Return whether *certificate* is the CA that issued it, by the checks that Envoy makes."""
        if certificate.subject != self.issuer:
            return False
        try:
            key = x509.load_der_x509_certificate(certificate.der).public_key()
            return _verifies(key, x509.load_der_x509_crl(self.der))
        except Exception:  # noqa: BLE001 - a signature by an unreadable key can't be verified
            return False


def keep_last_to_end(lists: Iterable[RevocationList]) -> tuple[RevocationList, ...]:
    """Return the CRL of each issuer that is valid the longest; gateways skip those that expired earlier."""
    latest: dict[str, RevocationList] = {}
    for crl in lists:
        before = latest.get(crl.issuer)
        if not before or (before.next_update and (not crl.next_update or crl.next_update > before.next_update)):
            latest[crl.issuer] = crl
    return tuple(latest.values())


def _verifies(key: object, crl: x509.CertificateRevocationList) -> bool:
    """Verify the signature, including with digests that the library rejects: the gateway accepts SHA-1."""
    digest = crl.signature_hash_algorithm
    if not isinstance(digest, hashes.SHA1 | hashes.MD5):
        return crl.is_signature_valid(key)  # type: ignore[arg-type]  # else TypeError
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(crl.signature, crl.tbs_certlist_bytes, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(crl.signature, crl.tbs_certlist_bytes, ec.ECDSA(digest))
    else:
        return False
    return True


def read_revocation_lists(data: bytes) -> tuple[RevocationList, ...]:
    """
    Read CRLs: PEM (one or many, other blocks are ignored) or DER.

    Raises:
        CertificateError: The file has no usable CRL, or one that gateways don't support.
    """
    if not data.strip():
        raise EmptyUpload
    if len(data) > MAX_BYTES:
        raise UploadTooLarge(MAX_BYTES)
    by_fingerprint = {crl.fingerprint: crl for crl in map(read_revocation_list, _read_ders(data))}
    if len(by_fingerprint) > MAX_LISTS:
        raise NotRevocationLists(f"it has {len(by_fingerprint)} CRLs; the limit is {MAX_LISTS}")
    return tuple(by_fingerprint.values())


def read_revocation_list(der: bytes) -> RevocationList:
    """Read one DER CRL. Raises NotRevocationLists."""
    try:
        crl = x509.load_der_x509_crl(der)
        issuer, next_update, entries = write_name(crl.issuer), crl.next_update_utc, len(crl)
    except Exception as error:
        raise NotRevocationLists("its content isn't a CRL") from error
    try:
        extensions = crl.extensions
    except x509.DuplicateExtension as error:
        name = name_extension(error.oid.dotted_string)
        raise NotRevocationLists(f"it has the extension {name} twice") from error
    except Exception as error:
        raise NotRevocationLists(f"an extension is damaged: {_find_damaged_extension(der)}") from error
    if any(extension.oid == ExtensionOID.DELTA_CRL_INDICATOR for extension in extensions):
        raise NotRevocationLists("it is a delta CRL, which gateways don't support")
    return RevocationList(
        der=der,
        fingerprint=hashlib.sha256(der).hexdigest(),
        issuer=issuer,
        this_update=crl.last_update_utc,
        next_update=next_update,
        entries=entries,
    )


def _find_damaged_extension(crl: bytes) -> str:
    """Return the first extension that `cryptography` can't read; it reads all or none."""
    (element,) = read(crl)
    content, *signature = element.read_children()
    *others, extensions = content.read_children()
    before = b"".join(bytes(field.raw) for field in others)
    after = b"".join(bytes(field.raw) for field in signature)
    for extension in extensions.read_children()[0].read_children():
        only = write(extensions.tag, write(SEQUENCE, bytes(extension.raw)))
        try:
            _ = x509.load_der_x509_crl(write(SEQUENCE, write(SEQUENCE, before, only), after)).extensions
        except Exception:  # noqa: BLE001 - any exception means that this extension is damaged
            return name_extension(read_extension_oid(extension))
    return "can't tell which"


def _read_ders(data: bytes) -> Iterable[bytes]:
    blocks = pem.read_blocks(pem.decode_text(data))
    if not blocks:
        return [data]
    crls = [block for block in blocks if block.label == "X509 CRL"]
    if not crls:
        raise NotRevocationLists(f"it contains {blocks[0].label}, but no X509 CRL")
    if broken_block := next((block for block in crls if block.problem), None):
        raise NotRevocationLists(broken_block.problem)
    return [block.content for block in crls]
