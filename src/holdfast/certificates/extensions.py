"""
What the extensions of a certificate say (RFC 5280, section 4.2), as far as anybody here asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

E = TypeVar("E", bound=x509.ExtensionType)

# Those that the gateway's TLS library obeys; any other that is critical it refuses (measured on Envoy 1.40).
_OBEYED = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.INHIBIT_ANY_POLICY,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.POLICY_CONSTRAINTS,
    ExtensionOID.POLICY_MAPPINGS,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
}
_OWN_NAMES = {oid: name for name, oid in vars(ExtensionOID).items() if isinstance(oid, x509.ObjectIdentifier)}


@dataclass(frozen=True, slots=True)
class BasicConstraints:
    """Section 4.2.1.9; *path_length* is how many CAs may follow below, None without a limit."""

    is_ca: bool
    path_length: int | None


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """Section 4.2.1.3, the two bits that decide something here."""

    digital_signature: bool
    key_cert_sign: bool


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """Section 4.2.1.10: the dNSNames, lower case, and whether there are any about addresses."""

    permitted_dns_names: tuple[str, ...]
    excluded_dns_names: tuple[str, ...]
    about_addresses: bool


@dataclass(frozen=True, slots=True)
class Extensions:
    """All extensions that are looked at; what a certificate does not have is None or empty."""

    count: int
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    other_names: tuple[str, ...]
    basic_constraints: BasicConstraints | None
    key_usage: KeyUsage | None
    purposes: tuple[str, ...] | None  # the OIDs in extKeyUsage, section 4.2.1.12
    name_constraints: NameConstraints | None
    subject_key_identifier: str  # hex
    authority_key_identifier: str  # hex
    unknown_critical: tuple[str, ...]  # those that the gateway does not know, by OID and name

    @property
    def lacks_key_cert_sign(self) -> bool:
        """There is a keyUsage, and it does not let the key sign certificates."""
        return self.key_usage is not None and not self.key_usage.key_cert_sign


def read_extensions(certificate: x509.Certificate) -> Extensions:
    """
    Read the extensions of *certificate*.

    Raises:
        ValueError: One of those that are known cannot be read.
        UnsupportedGeneralNameType: A name is of a kind that RFC 5280 does not have.
        DuplicateExtension: One is there twice.
    """
    found = certificate.extensions
    names = list(_value(found, x509.SubjectAlternativeName) or ())
    purposes = _value(found, x509.ExtendedKeyUsage)
    subject_key = _value(found, x509.SubjectKeyIdentifier)
    authority_key = _value(found, x509.AuthorityKeyIdentifier)
    return Extensions(
        count=len(found),
        dns_names=tuple(n.value for n in names if isinstance(n, x509.DNSName)),
        ip_addresses=tuple(str(n.value) for n in names if isinstance(n, x509.IPAddress)),
        other_names=tuple(_other_name(n) for n in names if not isinstance(n, x509.DNSName | x509.IPAddress)),
        basic_constraints=_basic_constraints(_value(found, x509.BasicConstraints)),
        key_usage=_key_usage(_value(found, x509.KeyUsage)),
        purposes=None if purposes is None else tuple(oid.dotted_string for oid in purposes),
        name_constraints=_name_constraints(_value(found, x509.NameConstraints)),
        subject_key_identifier=subject_key.digest.hex() if subject_key else "",
        authority_key_identifier=(authority_key.key_identifier or b"").hex() if authority_key else "",
        unknown_critical=tuple(_called(each.oid) for each in found if each.critical and each.oid not in _OBEYED),
    )


def name_of(name: x509.Name) -> str:
    """Write a distinguished name, the most specific part first, as RFC 4514 does, with ", " between."""
    return ", ".join(rdn.rfc4514_string() for rdn in reversed(list(name.rdns)))


def _value(extensions: x509.Extensions, kind: type[E]) -> E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _other_name(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DirectoryName):
        return name_of(name.value)
    if isinstance(name, x509.OtherName):
        return f"otherName {name.type_id.dotted_string}"
    return str(name.value)


def _basic_constraints(found: x509.BasicConstraints | None) -> BasicConstraints | None:
    return BasicConstraints(found.ca, found.path_length) if found else None


def _key_usage(found: x509.KeyUsage | None) -> KeyUsage | None:
    return KeyUsage(found.digital_signature, found.key_cert_sign) if found else None


def _name_constraints(found: x509.NameConstraints | None) -> NameConstraints | None:
    if found is None:
        return None
    permitted, excluded = found.permitted_subtrees or [], found.excluded_subtrees or []
    return NameConstraints(
        permitted_dns_names=_dns_names(permitted),
        excluded_dns_names=_dns_names(excluded),
        about_addresses=any(isinstance(name, x509.IPAddress) for name in (*permitted, *excluded)),
    )


def _dns_names(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    return tuple(name.value.lower() for name in names if isinstance(name, x509.DNSName))


def _called(oid: x509.ObjectIdentifier) -> str:
    name = _OWN_NAMES.get(oid, "")
    return f"{oid.dotted_string} ({name.replace('_', ' ').lower()})" if name else oid.dotted_string
