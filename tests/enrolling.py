"""
Machines that join as gateways.

    machine = Machine()
    member = machine.join(store, token, clock())
"""

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from holdfast.services.access.attempts import Attempts
from holdfast.services.gateways.joining import Membership, join
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing

SEALING = Sealing(lambda: (bytes(32),))


@dataclass
class Machine:
    """A machine with its own key, which it never sends."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def request(self, common_name: str = "anything") -> str:
        """Return a signing request, whose subject doesn't count."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def join(self, store: Store, token: str, now: datetime, address: str = "192.0.2.1") -> Membership:
        """Join with *token*."""
        return join(store, SEALING, Attempts(store, SEALING), token, self.request(), address, now)
