"""
A gateway's membership: the key and the certificate that it connects with, and where the publisher is.

The key is created here and never leaves the machine. It is one file, so that key and certificate always match. Where
else control planes are is stored separately (known_control_planes.py), because that changes more often.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from holdfast.files.replacement import replace_file
from holdfast.gateway.remote.renewal import Renewal
from holdfast.gateway.remote.tls import Credential
from holdfast.network.addresses import Address, Addresses

MEMBERSHIP_FILE = "membership.json"


class UnusableMembership(Exception):
    """The file with a gateway's membership can't be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """A new key, and the signing request for it (both PEM)."""

    key: str = field(repr=False)
    csr: str


@dataclass(frozen=True, slots=True)
class Membership:
    """The name and group of a gateway, its credential, and where it connects."""

    name: str
    group: str
    publisher: str  # URL
    discovery: Address
    server_name: str  # in the certificate of the discovery service
    credential: Credential
    control_planes: Addresses = ()  # that ran when it joined; not part of the file

    @property
    def validity(self) -> tuple[datetime, datetime]:
        """The times between which the certificate is valid (aware, UTC)."""
        from cryptography import x509  # gateways that haven't joined don't need it

        certificate = x509.load_pem_x509_certificate(self.credential.certificate.encode())
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc

    def renew(self, key: str, renewal: Renewal) -> "Membership":
        """Return the membership with a new certificate for *key* (PEM)."""
        credential = Credential(key, renewal.certificate, renewal.authority)
        return replace(self, group=renewal.group, credential=credential)


def make_request() -> Request:
    """Create a key (P-256) and a signing request for it. The publisher knows the name, so the request has none."""
    # Only gateways that have joined need these modules.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Request(pem.decode(), csr.public_bytes(Encoding.PEM).decode())


def write_membership(directory: Path, membership: Membership) -> None:
    """Store the membership, readable only for this user, atomically. Raises OSError."""
    values = asdict(membership)
    del values["control_planes"]
    replace_file(directory / MEMBERSHIP_FILE, json.dumps(values, indent=2).encode())


def read_membership(directory: Path) -> Membership | None:
    """Return the stored membership; None if this gateway hasn't joined a publisher. Raises UnusableMembership."""
    path = directory / MEMBERSHIP_FILE
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        host, port = values.pop("discovery")
        membership = Membership(
            credential=Credential(**values.pop("credential")), discovery=(str(host), int(port)), **values
        )
        assert membership.validity  # noqa: S101 - raises ValueError if the certificate can't be read
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnusableMembership(f"Can't read {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnusableMembership(f"{path} is damaged. Join again with a new token.") from None
    return membership
