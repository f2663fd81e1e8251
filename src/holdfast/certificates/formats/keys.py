"""
Recognize private keys by their structure only, without loading, checking or decrypting them.
"""

import re

from holdfast.certificates.formats import der
from holdfast.certificates.formats.der import INTEGER, OCTET_STRING, OID, SEQUENCE, Element, NotDer

# PKCS#5 and PKCS#12 password-based encryption
_PBE = (der.encode_oid("1.2.840.113549.1.5"), der.encode_oid("1.2.840.113549.1.12.1"))
# First or last lines of a key: OpenSSL, OpenSSH, PGP, ssh.com (four hyphens), tolerating small errors
_MARK = re.compile(
    rb"-[ ]?(?:BEGIN|END)[ ][^-\r\n]{0,64}?PRIVATE[ ]KEY|PuTTY-User-Key-File-[0-9]|^Private-Lines: [0-9]",
    re.IGNORECASE | re.MULTILINE,
)


def has_mark_of_key(text: bytes) -> bool:
    """Return whether a private key begins or ends anywhere in *text*."""
    return _MARK.search(text) is not None


def is_private_key(element: Element) -> bool:
    """
    Return whether *element* is a private key: PKCS#8, encrypted or not (RFC 5958), or an older format.

    Raises:
        TooComplex: It has more elements than any private key.
    """
    try:
        parts = element.read_children() if element.tag == SEQUENCE else []
        return _is_pkcs8(parts) or _is_encrypted_pkcs8(parts) or _is_older(parts)
    except NotDer:
        return False


def is_encrypted(element: Element) -> bool:
    """Return whether *element*, a private key, is encrypted; False if it can't be read."""
    try:
        return _is_encrypted_pkcs8(element.read_children())
    except NotDer:
        return False


def _is_pkcs8(parts: list[Element]) -> bool:
    return der.has_tags(parts, INTEGER, SEQUENCE, OCTET_STRING) and der.has_tags(parts[1].read_children(), OID)


def _is_encrypted_pkcs8(parts: list[Element]) -> bool:
    if not der.has_tags(parts, SEQUENCE, OCTET_STRING):
        return False
    algorithm = parts[0].read_children()
    return der.has_tags(algorithm, OID) and bytes(algorithm[0].content).startswith(_PBE)


def _is_older(parts: list[Element]) -> bool:
    """Recognize RSAPrivateKey (RFC 8017, A.1.2), its DSA equivalent, and ECPrivateKey (RFC 5915)."""
    if der.has_tags(parts, *[INTEGER] * 6):
        return True
    return der.has_tags(parts, INTEGER, OCTET_STRING) and bytes(parts[0].content) == b"\1"
