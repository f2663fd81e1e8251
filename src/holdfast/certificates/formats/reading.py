"""
Recognize the format of a file by its content, and list its parts. Certificates are not parsed yet.
"""

import re

from holdfast.certificates.errors import (
    CertificateError,
    MalformedCertificate,
    NotACertificate,
    PrivateKeyRefused,
    TooManyCertificates,
)
from holdfast.certificates.formats import der, jks, keys, pem, pkcs7, pkcs12
from holdfast.certificates.formats.der import SEQUENCE, Element, NotDer
from holdfast.certificates.formats.derivation import Work
from holdfast.certificates.formats.parts import MAX_CERTIFICATES, Contents, Part

# Labels of RFC 7468 and older ones; the content decides what a block contains.
_CERTIFICATE_LABELS = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "CERTIFICATE CHAIN"}
_ONLY_KEY = "Choose the file with the certificate instead."
_SECRET = re.compile(rb"^[ {\"]*kind\"?: *\"?Secret\b", re.MULTILINE)
_LABELS = _CERTIFICATE_LABELS | {"PKCS7", "CMS", "PKCS #7 SIGNED DATA", "PKCS12"}


def read(data: bytes, password: str | None, work: Work) -> Contents:
    """
    Return the certificates in *data*, which is not empty.

    Raises:
        CertificateError: It can't be read, or it contains a private key.
    """
    return _read_binary(data, password, work) or _read_text(data, password, work)


def refuse_signing_request() -> NotACertificate:
    """Return the error for a signing request instead of a certificate."""
    return NotACertificate("a certificate signing request (CSR)", "Upload the certificate that the CA issued for it.")


def _read_binary(data: bytes, password: str | None, work: Work) -> Contents | None:
    if jks.is_keystore(data):
        return jks.read(data, password)
    if data[0] != SEQUENCE:
        return None
    try:
        elements = der.read(data)
    except NotDer:
        return None
    for number, element in enumerate(elements, start=1):
        if keys.is_private_key(element):
            is_all = len(elements) == 1
            raise PrivateKeyRefused(number, len(elements), "The file" if is_all else "", _ONLY_KEY if is_all else "")
    contents = Contents("a DER file")
    for number, element in enumerate(elements, start=1):
        what = "The file" if len(elements) == 1 else f"Block {number}"
        _read_element(element, Part(what, bytes(element.raw), number, len(elements)), password, work, contents)
    return contents


def _read_element(element: Element, part: Part, password: str | None, work: Work, contents: Contents) -> None:
    """Add the contents of *element* to *contents*; it is taken for a certificate if it isn't anything else."""
    where = "" if part.count == 1 else part.what
    if pkcs12.is_pkcs12(element):
        _merge(contents, pkcs12.read(element, password, work), where)
    elif pkcs7.is_pkcs7(element):
        _merge(contents, pkcs7.read(element, where), where)
    else:
        contents.add(part)


def _merge(contents: Contents, inner: Contents, where: str) -> None:
    if not where:
        contents.kind = inner.kind
    elif not inner.parts:
        contents.ignore(where, "It has no certificates.")
    for part in inner.parts:
        contents.add(part)
    for ignored_part in inner.ignored:
        contents.ignore(ignored_part.what, ignored_part.why)


def _read_text(data: bytes, password: str | None, work: Work) -> Contents:
    text = pem.decode_text(data)
    blocks = pem.read_blocks(text)
    _refuse_keys(text, blocks)
    if blocks:
        return _read_blocks(blocks, password, work)
    content = pem.find_bare_base64(text)
    if content:
        if contents := _read_binary(content, password, work):
            return contents
        if b"BEGIN" in content.upper():  # PEM in base64, as in a Kubernetes Secret
            return _read_text(content, password, work)
    raise _explain_refusal(data)


def _refuse_keys(text: bytes, blocks: list[pem.Block]) -> None:
    # Look for keys first, so that a broken certificate never hides one.
    remedy = "" if b"CERTIFICATE" in text else _ONLY_KEY
    for block in blocks:
        if "PRIVATE KEY" in block.label or any(keys.is_private_key(element) for element in _read_elements(block)):
            raise PrivateKeyRefused(block.number, len(blocks), remedy=remedy)
    if keys.has_mark_of_key(text):
        raise PrivateKeyRefused(1, 1, "Part of the file" if blocks else "The file", remedy)


def _read_elements(block: pem.Block) -> list[Element]:
    try:
        return der.read(block.content)
    except NotDer:
        return []


def _read_blocks(blocks: list[pem.Block], password: str | None, work: Work) -> Contents:
    labels = " and ".join(sorted({block.label for block in blocks})[:3])
    contents = Contents(f"a PEM file ({labels})")
    if all(block.label.endswith("CERTIFICATE REQUEST") for block in blocks):
        raise refuse_signing_request()
    count = sum(block.label in _CERTIFICATE_LABELS for block in blocks)
    if count > MAX_CERTIFICATES:
        raise TooManyCertificates(count, MAX_CERTIFICATES)
    for block in blocks:
        if block.label in _LABELS:
            _read_block(block, len(blocks), password, work, contents)
        else:
            contents.ignore(f"Block {block.number} ({block.label})", "It is not a certificate.")
    return contents


def _read_block(block: pem.Block, blocks: int, password: str | None, work: Work, contents: Contents) -> None:
    if block.problem:
        raise MalformedCertificate(block.number, blocks, block.problem)
    elements = _read_elements(block)
    if block.label == "TRUSTED CERTIFICATE":
        elements = elements[:1]  # OpenSSL appends its own trust settings
    if len(elements) != 1:
        raise MalformedCertificate(block.number, blocks, "its content isn't an X.509 certificate")
    part = Part(f"Block {block.number}", bytes(elements[0].raw), block.number, blocks)
    _read_element(elements[0], part, password, work, contents)


def _explain_refusal(data: bytes) -> CertificateError:
    if data[0] == SEQUENCE:
        reason = "its content isn't an X.509 certificate; the file seems to be cut off or damaged"
        return MalformedCertificate(1, 1, reason)
    if _SECRET.search(data):
        remedy = "Choose a file with one of its values: kubectl get secret NAME -o jsonpath='{.data.ca\\.crt}' > ca.txt"
        return NotACertificate("a Kubernetes Secret", remedy)
    remedy = (
        "Choose a PEM file (-----BEGIN CERTIFICATE-----), a DER file (.cer, .crt, .der), a PKCS#7 file (.p7b, .p7c), "
        "or a truststore (.p12, .pfx, .jks)."
    )
    return NotACertificate("not a certificate", remedy)
