"""
Certificates in signed PKCS#7 and CMS messages (RFC 5652), most of which have no content or signatures.
"""

from holdfast.certificates.errors import MalformedFile, NotACertificate, PrivateKeyRefused
from holdfast.certificates.formats import der
from holdfast.certificates.formats.der import CONSTRUCTED, OID, SEQUENCE, SET, Element, NotDer
from holdfast.certificates.formats.keys import is_private_key
from holdfast.certificates.formats.parts import Contents, Part

_CONTENT_TYPES = der.encode_oid("1.2.840.113549.1.7")
_SIGNED_DATA = der.encode_oid("1.2.840.113549.1.7.2")
_CERTIFICATES, _REVOCATION_LISTS = 0xA0, 0xA1


def is_pkcs7(element: Element) -> bool:
    """Return whether *element* is a ContentInfo of PKCS#7 or CMS."""
    try:
        parts = element.read_children() if element.tag == SEQUENCE else []
    except NotDer:
        return False
    return der.has_tags(parts, OID) and bytes(parts[0].content).startswith(_CONTENT_TYPES)


def read(element: Element, where: str = "") -> Contents:
    """
    Read the certificates of a signed message, without verifying its signatures.

    *where* names the message if it is not the whole file.

    Raises:
        NotACertificate: It is a different kind of message.
        PrivateKeyRefused: Its content is a private key.
        MalformedFile: It is damaged.
    """
    try:
        return _read_signed_data(element, where)
    except NotDer as error:
        raise MalformedFile("PKCS#7", "it is cut off or damaged") from error


def _read_signed_data(element: Element, where: str) -> Contents:
    info = element.read_children()
    if info[0].content != _SIGNED_DATA:
        remedy = "Export the certificates again, unencrypted."
        raise NotACertificate("a PKCS#7 file, but not a list of certificates", remedy)
    parts = der.expect(der.expect(info, OID, 0xA0)[1].read_children(), SEQUENCE)[0].read_children()
    content = der.expect(parts, der.INTEGER, SET, SEQUENCE)[2]
    _refuse_key(content)
    contents = Contents("a PKCS#7 file")
    certificates = [e for part in parts[3:] if part.tag == _CERTIFICATES for e in part.read_children()]
    for number, certificate in enumerate(certificates, start=1):
        place = f"{where}, certificate {number}" if where else f"Certificate {number}"
        if certificate.tag == SEQUENCE:
            name = f"{place} of {len(certificates)}"
            contents.add(Part(place, bytes(certificate.raw), number, len(certificates), name))
        else:
            contents.ignore(place, "It is not an X.509 certificate.")
    for part in parts[3:]:
        if part.tag == _REVOCATION_LISTS and part.content:
            contents.ignore(f"{where}, CRLs" if where else "CRLs", "They are not certificates.")
    return contents


def _refuse_key(content: Element) -> None:
    for wrapper in content.read_children()[1:]:
        for inner in wrapper.read_children() if wrapper.tag & CONSTRUCTED else ():
            try:
                elements = [inner, *inner.read_within(inner.read_octets())]
            except NotDer:
                elements = [inner]
            if any(is_private_key(element) for element in elements):
                raise PrivateKeyRefused(1, 1, "The signed content")
