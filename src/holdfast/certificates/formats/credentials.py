"""
Read files with a private key and its certificates, and check that they belong together.

The counterpart of `parsing`, which refuses private keys. All expensive work is bounded before it starts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography import x509

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.errors import (
    CertificateMissing,
    EmptyUpload,
    KeyMismatch,
    MalformedCertificate,
    NotACertificate,
    PrivateKeyMissing,
    SeveralPrivateKeys,
    UnusableKey,
    UploadTooLarge,
)
from holdfast.certificates.formats import der, jks, keys, parsing, pem, pkcs7, pkcs12
from holdfast.certificates.formats.der import SEQUENCE, Element, NotDer
from holdfast.certificates.formats.derivation import Work
from holdfast.certificates.formats.parsing import MAX_BYTES, SkippedPart, Upload
from holdfast.certificates.formats.parts import Contents, Part
from holdfast.certificates.formats.private_keys import (
    PrivateKey,
    read_key,
    read_old_encrypted,
    split_old_encrypted,
)

MAX_CHAIN = 10
_LABELS = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "PKCS7", "CMS", "PKCS12"}
_TO_PKCS12 = "Convert it: keytool -importkeystore -srckeystore FILE -destkeystore new.p12 -deststoretype pkcs12"


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key, its chain (the key's own certificate first), and the ignored parts of the file."""

    key: PrivateKey = field(repr=False)
    chain: tuple[Certificate, ...]
    ignored: tuple[SkippedPart, ...]


@dataclass(slots=True)
class _Collector:
    """The contents of one or two files."""

    password: str | None = field(repr=False)
    work: Work
    key: PrivateKey | None = None
    contents: Contents = field(default_factory=lambda: Contents("a file of a key"))

    def add_key(self, read_key: Callable[[], PrivateKey]) -> None:
        # Refused before reading, because reading a key is expensive.
        if self.key:
            raise SeveralPrivateKeys
        self.key = read_key()


def read_credential(data: bytes, password: str | None, key: bytes = b"", work: Work | None = None) -> Credential:
    """
    Read a private key and its chain from PEM in any order or PKCS#12; *key* is a separate key file, if there is one.

    *password* decrypts encrypted keys and PKCS#12. *work* derives keys with many rounds of hashing; without it, such
    files are refused.

    Raises:
        CertificateError: Something is missing or unusable, or the key and certificates don't match.
    """
    collector = _Collector(password or None, work or Work())
    for file in (data, key) if key else (data,):
        _read(file, collector)
    if not collector.key:
        raise PrivateKeyMissing
    if not collector.contents.parts:
        raise CertificateMissing
    chain, ignored = build_chain(collector.key.spki_fingerprint, parsing.read_contents(collector.contents))
    return Credential(collector.key, chain, ignored)


def build_chain(spki_fingerprint: str, upload: Upload) -> tuple[tuple[Certificate, ...], tuple[SkippedPart, ...]]:
    """
    Return the chain and the ignored parts of *upload*: the key's certificate, then each issuer, without the root.

    Raises:
        KeyMismatch: None of them belongs to the key.
    """
    own = [certificate for certificate in upload.certificates if certificate.spki_fingerprint == spki_fingerprint]
    if not own:
        raise KeyMismatch(tuple(certificate.subject for certificate in upload.certificates))
    chain = [max(own, key=lambda certificate: certificate.not_after)]
    rest = [
        certificate
        for certificate in upload.certificates
        if certificate is not chain[0] and not certificate.is_self_issued
    ]
    while len(chain) < MAX_CHAIN and (issuer := _find_issuer(chain[-1], rest)):
        chain.append(issuer)
        rest.remove(issuer)
    others = [certificate for certificate in upload.certificates if certificate not in chain]
    why = "The root isn't sent: backends that trust it already have it."
    ignored = [
        SkippedPart(
            certificate.subject or "(empty subject)",
            why if certificate.is_self_issued else "It isn't part of this key's chain.",
        )
        for certificate in others
    ]
    return tuple(chain), (*upload.ignored, *ignored)


def _find_issuer(certificate: Certificate, others: Sequence[Certificate]) -> Certificate | None:
    return next(
        (issuer for issuer in others if issuer.subject == certificate.issuer and _has_signed(issuer, certificate)), None
    )


def _has_signed(issuer: Certificate, certificate: Certificate) -> bool:
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except Exception:  # noqa: BLE001 - any exception means that it is not the issuer
        return False
    return True


def _read(data: bytes, collector: _Collector) -> None:
    if not data.strip():
        raise EmptyUpload
    if len(data) > MAX_BYTES:
        raise UploadTooLarge(MAX_BYTES)
    if jks.is_keystore(data):
        raise NotACertificate("a Java keystore, and Holdfast can't read its keys", _TO_PKCS12)
    elements = _read_elements(data) if data[0] == SEQUENCE else []
    if not elements:
        _read_text(data, collector)
    for number, element in enumerate(elements, start=1):
        _read_element(element, Part("The file", bytes(element.raw), number, len(elements)), "DER", collector)


def _read_elements(data: bytes) -> list[Element]:
    try:
        return der.read(data)
    except NotDer:
        return []


def _read_element(element: Element, part: Part, format_name: str, collector: _Collector) -> None:
    if keys.is_private_key(element):
        passwords = [collector.password] if collector.password else []
        collector.add_key(lambda: read_key(element, passwords, collector.work, format_name))
    elif pkcs12.is_pkcs12(element):
        _read_pkcs12(element, collector)
    elif pkcs7.is_pkcs7(element):
        for certificate_part in pkcs7.read(element).parts:
            collector.contents.add(certificate_part)
    else:
        collector.contents.add(part)


def _read_pkcs12(element: Element, collector: _Collector) -> None:
    certificates, inside = pkcs12.read_with_keys(element, collector.password, collector.work)
    for part in certificates.parts:
        collector.contents.add(part)
    for key in inside.elements:
        collector.add_key(lambda key=key: read_key(key, inside.passwords, collector.work, "PKCS#12"))  # type: ignore[misc]


def _read_text(data: bytes, collector: _Collector) -> None:
    old, text = split_old_encrypted(pem.decode_text(data))
    if old:
        collector.add_key(lambda: read_old_encrypted(old, collector.password))
    blocks = pem.read_blocks(text)
    for block in blocks:
        elements = [] if block.problem else _read_elements(block.content)
        if "PRIVATE KEY" in block.label and not (elements and keys.is_private_key(elements[0])):
            raise UnusableKey("can't be read", "Export it again as PKCS#8 in PEM.")
        if "PRIVATE KEY" not in block.label and block.label not in _LABELS:
            continue
        if not elements:
            raise MalformedCertificate(block.number, len(blocks), block.problem or "its content isn't a certificate")
        part = Part(f"Block {block.number}", bytes(elements[0].raw), block.number, len(blocks))
        _read_element(elements[0], part, "PEM", collector)
