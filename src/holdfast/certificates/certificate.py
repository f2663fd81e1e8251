"""
X.509 certificates as values.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import PublicKeyAlgorithmOID

from holdfast.certificates.extensions import Extensions, read_extensions
from holdfast.certificates.formats.structure import Structure
from holdfast.certificates.names import list_common_names, write_distinguished_name


@dataclass(frozen=True, slots=True)
class PublicKey:
    """
    The kind of a subject public key: *algorithm* for display, *size* in bits (0 if the algorithm fixes it).
    """

    algorithm: str
    size: int

    def __str__(self) -> str:
        return f"{self.algorithm} {self.size}" if self.size else self.algorithm


@dataclass(frozen=True, slots=True)
class Certificate:
    """
    An X.509 certificate (RFC 5280, section 4.1), read once and never changed.
    """

    der: bytes
    fingerprint: str  # SHA-256 of the DER, lower-case hex
    version: str  # "V1" or "V3"
    subject: str  # most specific first, as in RFC 4514, with ", " between
    issuer: str
    serial_number: int
    not_before: datetime  # aware, UTC
    not_after: datetime
    public_key: PublicKey
    spki_fingerprint: str  # SHA-256 of the SubjectPublicKeyInfo, lower-case hex
    signature_algorithm: str
    common_names: tuple[str, ...]  # of the subject
    issuer_common_names: tuple[str, ...]
    extensions: Extensions

    @property
    def dns_names(self) -> tuple[str, ...]:
        """The dNSNames in subjectAltName."""
        return self.extensions.dns_names

    @property
    def ip_addresses(self) -> tuple[str, ...]:
        """The iPAddresses in subjectAltName."""
        return self.extensions.ip_addresses

    @property
    def subject_alt_names(self) -> tuple[str, ...]:
        """All names in subjectAltName (RFC 5280, section 4.2.1.6), dNSNames first."""
        return self.dns_names + self.ip_addresses + self.extensions.other_names

    @property
    def is_ca(self) -> bool:
        """Whether basicConstraints mark it as a CA (RFC 5280, section 4.2.1.9)."""
        constraints = self.extensions.basic_constraints
        return constraints is not None and constraints.is_ca

    @property
    def subject_key_identifier(self) -> str:
        """The subject key identifier in hex, or an empty string (RFC 5280, section 4.2.1.2)."""
        return self.extensions.subject_key_identifier

    @property
    def authority_key_identifier(self) -> str:
        """The keyIdentifier of the authority key identifier in hex, or an empty string (RFC 5280, section 4.2.1.1)."""
        return self.extensions.authority_key_identifier

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same name (RFC 5280, section 3.2)."""
        return self.subject == self.issuer

    @property
    def title(self) -> str:
        """A short name to display: the last common name of the subject, its first dNSName or IP address, or its DN."""
        return next(iter([*self.common_names[-1:], *self.subject_alt_names]), self.subject)

    @property
    def issuer_title(self) -> str:
        """A short name of the issuer: its last common name, or its DN."""
        return next(iter(self.issuer_common_names[-1:]), self.issuer)

    @property
    def pem(self) -> str:
        """The certificate as PEM, always encoded from the DER, never taken from the upload."""
        return x509.load_der_x509_certificate(self.der).public_bytes(Encoding.PEM).decode()


def read_certificate(der: bytes) -> Certificate:
    """
    Read one DER certificate.

    Raises:
        ValueError: The bytes are not an X.509 certificate, or a part that Holdfast displays cannot be read.
    """
    try:
        return _read(x509.load_der_x509_certificate(der))
    except (x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise ValueError(str(error)) from error


def _read(certificate: x509.Certificate) -> Certificate:
    der = certificate.public_bytes(Encoding.DER)
    structure = Structure.of(der)
    return Certificate(
        der=der,
        fingerprint=hashlib.sha256(der).hexdigest(),
        version=f"V{certificate.version.value + 1}",
        subject=write_distinguished_name(structure.subject),
        issuer=write_distinguished_name(structure.issuer),
        serial_number=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        public_key=_read_public_key(certificate, structure),
        spki_fingerprint=_compute_spki_fingerprint(certificate),
        signature_algorithm=_name_signature_algorithm(certificate),
        common_names=list_common_names(structure.subject),
        issuer_common_names=list_common_names(structure.issuer),
        extensions=read_extensions(certificate, structure),
    )


def _read_public_key(certificate: x509.Certificate, structure: Structure) -> PublicKey:
    try:
        key = certificate.public_key()
    except Exception as error:  # noqa: BLE001 - an unknown key is displayed by its OID
        return PublicKey(f"unknown ({certificate.public_key_algorithm_oid.dotted_string}, {error})", 0)
    if isinstance(key, rsa.RSAPublicKey):
        only_pss = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS
        return PublicKey("RSASSA-PSS" if only_pss else "RSA", key.key_size)
    if isinstance(key, dsa.DSAPublicKey):
        return PublicKey("DSA", key.key_size)
    if isinstance(key, ec.EllipticCurvePublicKey):
        curve = "with explicit parameters" if structure.has_explicit_curve else key.curve.name
        return PublicKey(f"EC {curve}", key.key_size)
    return PublicKey(type(key).__name__.removesuffix("PublicKey").lstrip("_"), 0)


def _compute_spki_fingerprint(certificate: x509.Certificate) -> str:
    try:
        spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # noqa: BLE001 - an unknown key equals no other key
        return ""
    return hashlib.sha256(spki).hexdigest()


def _name_signature_algorithm(certificate: x509.Certificate) -> str:
    oid = certificate.signature_algorithm_oid
    name = x509.SignatureAlgorithmOID.__dict__
    names_by_oid = {value: key for key, value in name.items() if isinstance(value, x509.ObjectIdentifier)}
    return names_by_oid[oid].replace("_", "-") if oid in names_by_oid else oid.dotted_string
