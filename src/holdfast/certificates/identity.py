"""
The name that we look for in a backend's certificate (RFC 9525).
"""

from dataclasses import dataclass
from ipaddress import ip_address

from holdfast.certificates.certificate import Certificate


@dataclass(frozen=True, slots=True, order=True)
class ReferenceIdentifier:
    """A dNSName or, when *is_ip*, an iPAddress that a backend must present; lower case, without a final dot."""

    value: str
    is_ip: bool


def reference_identifier(host: str) -> ReferenceIdentifier:
    """Make the reference identifier for a URL's *host* (no brackets around IPv6)."""
    try:
        return ReferenceIdentifier(str(ip_address(host)), is_ip=True)
    except ValueError:
        return ReferenceIdentifier(host.lower().rstrip("."), is_ip=False)


def presents(certificate: Certificate, reference: ReferenceIdentifier) -> bool:
    """Say whether one of the certificate's subjectAltNames matches *reference* (RFC 9525, section 6)."""
    if reference.is_ip:
        return reference.value in certificate.ip_addresses
    return any(_matches(pattern.lower().rstrip("."), reference.value) for pattern in certificate.dns_names)


def _matches(pattern: str, name: str) -> bool:
    if not pattern.startswith("*."):
        return pattern == name
    # RFC 9525, section 6.3: the wildcard stands for exactly one left-most label.
    label, _, rest = name.partition(".")
    return bool(label) and rest == pattern[2:]
