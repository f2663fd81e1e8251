"""
The names that the gateway requires in a backend's certificate (RFC 9525).
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.certificates.certificate import Certificate  # importing it would load all of cryptography


@dataclass(frozen=True, slots=True, order=True)
class ReferenceIdentifier:
    """A dNSName or, when *is_ip*, an iPAddress that a backend must present; lower case, without a final dot."""

    value: str
    is_ip: bool

    def __str__(self) -> str:
        return f"{'iPAddress' if self.is_ip else 'dNSName'} {self.value}"


def parse_reference(host: str) -> ReferenceIdentifier:
    """Return the reference identifier for a URL's *host* (IPv6 without brackets)."""
    try:
        return ReferenceIdentifier(str(ip_address(host)), is_ip=True)
    except ValueError:
        return ReferenceIdentifier(host.lower().rstrip("."), is_ip=False)


def list_typed_names(certificate: "Certificate") -> tuple[str, ...]:
    """
    Return all presented names with their kind, such as "dNSName a.test", dNSNames first.

    The same text can be a name of either kind, and a gateway accepts only one kind (RFC 9525, section 6).
    """
    extensions = certificate.extensions
    dns_names = (f"dNSName {name}" for name in extensions.dns_names)
    addresses = (f"iPAddress {name}" for name in extensions.ip_addresses)
    return (*dns_names, *addresses, *extensions.other_names)


def presents(certificate: "Certificate", reference: ReferenceIdentifier) -> bool:
    """
    Return whether one of the certificate's subjectAltNames matches *reference*, as the gateway would.

    The gateway applies RFC 9525, section 6, but also accepts a wildcard for part of the left-most label (measured on
    Envoy 1.40).
    """
    if reference.is_ip:
        return reference.value in certificate.ip_addresses
    return any(_matches(pattern.lower(), reference.value) for pattern in certificate.dns_names)


def is_wildcard_for_one_label(pattern: str) -> bool:
    """Return whether the gateway treats *pattern* as a wildcard: it has one `*`, in the left-most label."""
    label, _, rest = pattern.partition(".")
    return bool(rest) and "*" not in rest and label.count("*") == 1 and not label.startswith("xn--")


def _matches(pattern: str, name: str) -> bool:
    if not is_wildcard_for_one_label(pattern):
        return pattern == name
    label, _, rest = name.partition(".")
    pattern_label, _, pattern_rest = pattern.partition(".")
    before, _, after = pattern_label.partition("*")
    long_enough = bool(label) and len(label) >= len(before) + len(after)
    return rest == pattern_rest and long_enough and label.startswith(before) and label.endswith(after)
