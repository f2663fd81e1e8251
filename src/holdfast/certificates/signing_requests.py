"""
Certificate signing requests (PKCS#10, RFC 2986).
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from holdfast.certificates.formats.private_keys import PrivateKey
from holdfast.certificates.names import write_name


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request, read once and never changed."""

    der: bytes
    subject: str
    dns_names: tuple[str, ...]

    @property
    def pem(self) -> str:
        """The request as PEM."""
        return x509.load_der_x509_csr(self.der).public_bytes(Encoding.PEM).decode()


def make_signing_request(key: PrivateKey, common_name: str, dns_names: tuple[str, ...] = ()) -> SigningRequest:
    """Create a request for a client certificate for *key*, from values that `check_subject` has accepted."""
    builder = x509.CertificateSigningRequestBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    if dns_names:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names])
        builder = builder.add_extension(names, critical=False)
    handle = key.load_handle()
    digest = None if isinstance(handle, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return read_signing_request(builder.sign(handle, digest).public_bytes(Encoding.DER))


def read_signing_request(der: bytes) -> SigningRequest:
    """Read one DER request. Raises ValueError."""
    request = x509.load_der_x509_csr(der)
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return SigningRequest(der, write_name(request.subject), ())
    return SigningRequest(der, write_name(request.subject), tuple(names.get_values_for_type(x509.DNSName)))
