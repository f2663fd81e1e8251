"""
Names and single extensions of a certificate, for cases in which `cryptography` would read none of them.
"""

from dataclasses import dataclass
from typing import Self

from cryptography import x509

from holdfast.certificates.formats.der import OID, SEQUENCE, Element, NotDer, expect, read, write

_VERSION, _EXTENSIONS = 0xA0, 0xA3
MAX_EXTENSIONS = 100


@dataclass(frozen=True, slots=True)
class Structure:
    """The parts of a DER certificate (RFC 5280, section 4.1)."""

    issuer: Element
    subject: Element
    public_key: Element  # SubjectPublicKeyInfo
    extensions: tuple[Element, ...]
    _before: bytes  # the fields before the extensions in TBSCertificate
    _after: bytes  # the fields after TBSCertificate: algorithm and signature

    @classmethod
    def of(cls, der: bytes) -> Self:
        """
        Parse the certificate *der* into its parts.

        Raises:
            ValueError: It isn't encoded as a certificate, or has more than MAX_EXTENSIONS extensions.
        """
        (certificate,) = read(der)
        tbs, *rest = certificate.read_children()
        parts = tbs.read_children()
        _, _, issuer, _, subject, public_key, *_ = parts[1:] if parts[0].tag == _VERSION else parts
        extensions: list[Element] = []
        if parts[-1].tag == _EXTENSIONS:
            (sequence,) = parts.pop().read_children()
            extensions = sequence.read_children()
        if len(extensions) > MAX_EXTENSIONS:
            raise NotDer(f"it has {len(extensions)} extensions; the limit is {MAX_EXTENSIONS}")
        before, after = (b"".join(bytes(part.raw) for part in side) for side in (parts, rest))
        return cls(issuer, subject, public_key, tuple(extensions), before, after)

    @property
    def has_explicit_curve(self) -> bool:
        """Whether the key has explicit curve parameters instead of a named curve (RFC 5480, section 2.1.1)."""
        _, *parameters = self.public_key.read_children()[0].read_children()
        return bool(parameters) and parameters[0].tag == SEQUENCE

    def read_extension(self, element: Element) -> x509.Extension[x509.ExtensionType]:
        """Read one extension independently of the others. Raises any exception of `cryptography`."""
        only = write(_EXTENSIONS, write(SEQUENCE, bytes(element.raw)))
        carrier = write(SEQUENCE, write(SEQUENCE, self._before, only), self._after)
        extension: x509.Extension[x509.ExtensionType]
        (extension,) = x509.load_der_x509_certificate(carrier).extensions
        return extension


def read_extension_oid(extension: Element) -> str:
    """Return the OID of an extension in dotted form. Raises NotDer."""
    return format_oid(expect(extension.read_children(), OID)[0].content)


def format_oid(content: memoryview) -> str:
    """
    Decode an object identifier (X.690, section 8.19).

    Raises:
        NotDer: It is empty, cut off, or not in its shortest form.
    """
    arcs, value = [], 0
    for octet in content:
        if octet == 0x80 and not value:
            raise NotDer("an object identifier is not in its shortest form")
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    if not arcs or content[-1] & 0x80:
        raise NotDer("an object identifier is cut off")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
