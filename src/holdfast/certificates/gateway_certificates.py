"""
The certificates of gateways and of the discovery service, and the private CA that issues them.

All keys are ECDSA on P-256. Nothing in a signing request counts except its public key.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.formats.private_keys import KeyType, PrivateKey, make_key
from holdfast.refusals import Refusal

AUTHORITY_LASTS = timedelta(days=20 * 365)
CERTIFICATE_LASTS = timedelta(days=30)
# Gateways whose clock is behind accept what was just issued; the CA must then be older than anything that it issues.
BACKDATED = timedelta(hours=1)
AUTHORITY_BACKDATED = timedelta(days=1)
# Gateways expect this name, whatever the address, so that no other certificate of the CA can pose as the publisher.
DISCOVERY_NAME = "discovery.holdfast.internal"
MAX_REQUEST = 8 * 1024  # characters; a request for a P-256 key has about 500


class UnusableRequest(Refusal):
    """A signing request is rejected; *reason* says why."""

    field = "csr"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The certificate signing request {reason}. Send one in PEM, for an EC key on P-256.")


@dataclass(frozen=True, slots=True)
class Authority:
    """The private CA of gateways, with its key."""

    certificate: Certificate
    key: PrivateKey = field(repr=False)

    @property
    def pem(self) -> str:
        """The certificate of the CA in PEM, without its key."""
        return write_pem(self.certificate)


@dataclass(frozen=True, slots=True)
class ServerCredential:
    """The certificate that the discovery service presents, and its key."""

    certificate: Certificate
    key: PrivateKey = field(repr=False)


def create_authority(now: datetime) -> Authority:
    """Create a CA with a new key."""
    key = make_key(KeyType.P256)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Holdfast gateway CA")])
    public = _get_public_key(key)
    builder = (
        _make_builder(name, name, public, now - AUTHORITY_BACKDATED, now + AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_make_key_usage(of_ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    return Authority(_sign(builder, key), key)


def issue_gateway_certificate(authority: Authority, request: str, name: str, now: datetime) -> Certificate:
    """
    Issue the client certificate of the gateway *name* for the public key in *request* (PEM).

    Raises UnusableRequest.
    """
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"holdfast://gateways/{name}")])
    return _issue(authority, _read_public_key(request), name, names, ExtendedKeyUsageOID.CLIENT_AUTH, now)


def issue_discovery_certificate(authority: Authority, now: datetime) -> ServerCredential:
    """Issue the certificate of the discovery service, for a new key."""
    key = make_key(KeyType.P256)
    names = x509.SubjectAlternativeName([x509.DNSName(DISCOVERY_NAME)])
    purpose = ExtendedKeyUsageOID.SERVER_AUTH
    return ServerCredential(_issue(authority, _get_public_key(key), DISCOVERY_NAME, names, purpose, now), key)


def write_pem(certificate: Certificate) -> str:
    """Return *certificate* in PEM."""
    return x509.load_der_x509_certificate(certificate.der).public_bytes(Encoding.PEM).decode()


def _read_public_key(request: str) -> ec.EllipticCurvePublicKey:
    if len(request) > MAX_REQUEST:
        raise UnusableRequest(f"has more than {MAX_REQUEST:,} characters")
    try:
        signing_request = x509.load_pem_x509_csr(request.encode())
        public = signing_request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise UnusableRequest("can't be read") from None
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise UnusableRequest("is for another kind of key")
    try:
        is_signed = signing_request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        is_signed = False
    if not is_signed:
        raise UnusableRequest("isn't signed with its own key")
    return public


def _issue(
    authority: Authority,
    public: ec.EllipticCurvePublicKey,
    common_name: str,
    names: x509.SubjectAlternativeName,
    purpose: x509.ObjectIdentifier,
    now: datetime,
) -> Certificate:
    issuer = x509.load_der_x509_certificate(authority.certificate.der)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    end = min(now + CERTIFICATE_LASTS, issuer.not_valid_after_utc)
    builder = (
        _make_builder(subject, issuer.subject, public, now - BACKDATED, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_make_key_usage(of_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(_get_public_key(authority.key)), critical=False
        )
    )
    return _sign(builder, authority.key)


def _make_builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _make_key_usage(*, of_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=of_ca,
        crl_sign=of_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> Certificate:
    return read_certificate(builder.sign(key.load_handle(), hashes.SHA256()).public_bytes(Encoding.DER))


def _get_public_key(key: PrivateKey) -> ec.EllipticCurvePublicKey:
    public = key.load_handle().public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)  # noqa: S101 - `make_key` was asked for P-256
    return public
