"""
Certificates with parts that no library makes.
"""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.certificates.formats import der
from holdfast.certificates.formats.structure import Structure, read_extension_oid
from issuing import Identity, alter, tlv

SUBJECT_KEY_IDENTIFIER, AUTHORITY_KEY_IDENTIFIER = "2.5.29.14", "2.5.29.35"


def add_extension(
    identity: Identity, oid: str, content: bytes, *, by: Identity | None = None, critical: bool = False
) -> Identity:
    """Add an extension to *identity*, or replace the one with the same OID."""
    other_extensions = [
        bytes(extension.raw)
        for extension in Structure.of(identity.der).extensions
        if read_extension_oid(extension) != oid
    ]
    new_extension = tlv(
        0x30, tlv(0x06, der.encode_oid(oid)), tlv(0x01, b"\xff") if critical else b"", tlv(0x04, content)
    )
    return alter(identity, by, extensions=tlv(0xA3, tlv(0x30, *other_extensions, new_extension)))


def make_critical(identity: Identity, oid: str, *, by: Identity | None = None) -> Identity:
    """Make an extension critical that isn't."""
    (extension,) = (element for element in Structure.of(identity.der).extensions if read_extension_oid(element) == oid)
    return add_extension(identity, oid, extension.read_children()[-1].read_octets(), by=by, critical=True)


def describe_curve(identity: Identity) -> Identity:
    """Describe the curve of a P-256 key instead of naming it (RFC 5480, section 2.1.1)."""
    spki = identity.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = bytes(der.read(spki)[0].read_children()[1].raw)
    algorithm = tlv(0x30, tlv(0x06, der.encode_oid("1.2.840.10045.2.1")), _described_p256())
    return alter(identity, spki=tlv(0x30, algorithm, key))


def _described_p256() -> bytes:
    """Describe P-256 (RFC 3279, section 2.3.5), as `openssl ecparam -param_enc explicit` does."""
    base = ec.derive_private_key(1, ec.SECP256R1()).public_key()
    x, y = base.public_numbers().x, base.public_numbers().y
    prime, order = 2**256 - 2**224 + 2**192 + 2**96 - 1, 2**256 - 2**224 + 2**192 - 0x4319055258E8617B0C46353D039CDAAF
    coefficients = (prime - 3, (y * y - x**3 + 3 * x) % prime)
    return tlv(
        0x30,
        tlv(0x02, b"\1"),
        tlv(0x30, tlv(0x06, der.encode_oid("1.2.840.10045.1.1")), tlv(0x02, prime.to_bytes(33, "big"))),
        tlv(0x30, *(tlv(0x04, coefficient.to_bytes(32, "big")) for coefficient in coefficients)),
        tlv(0x04, base.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)),
        tlv(0x02, order.to_bytes(33, "big")),
        tlv(0x02, b"\1"),
    )
