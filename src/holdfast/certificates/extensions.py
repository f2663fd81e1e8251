"""
Certificate extensions (RFC 5280, section 4.2), as far as Holdfast uses them.
"""

from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from holdfast.certificates.formats.der import NotDer
from holdfast.certificates.formats.structure import Structure, read_extension_oid
from holdfast.certificates.name_constraints import NameConstraints, describe, read_malformed
from holdfast.certificates.names import write_name

E = TypeVar("E", bound=x509.ExtensionType)

# The gateway's TLS library applies these and rejects any other critical extension (measured on Envoy 1.40).
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
_NAME_CONSTRAINTS = ExtensionOID.NAME_CONSTRAINTS.dotted_string
_OWN_NAMES = {
    oid.dotted_string: name.replace("_", " ").lower()
    for name, oid in vars(ExtensionOID).items()
    if isinstance(oid, x509.ObjectIdentifier)
}


@dataclass(frozen=True, slots=True)
class BasicConstraints:
    """basicConstraints (section 4.2.1.9); *path_length* limits the number of CAs below, None means no limit."""

    is_ca: bool
    path_length: int | None


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """The bits of keyUsage that Holdfast uses (section 4.2.1.3)."""

    digital_signature: bool
    key_cert_sign: bool
    crl_sign: bool


@dataclass(frozen=True, slots=True)
class Extensions:
    """The extensions that Holdfast uses; those that a certificate doesn't have are None or empty."""

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
    unknown_critical: tuple[str, ...]  # those that the gateway doesn't know, by OID and name
    unreadable: tuple[str, ...]  # OIDs of extensions whose content is damaged

    @property
    def lacks_key_cert_sign(self) -> bool:
        """Whether keyUsage is present without keyCertSign."""
        return self.key_usage is not None and not self.key_usage.key_cert_sign


def read_extensions(certificate: x509.Certificate, structure: Structure) -> Extensions:
    """
    Read the extensions of *certificate*, which was parsed into *structure*.

    Raises:
        ValueError: They are not encoded as extensions.
        DuplicateExtension: An extension occurs twice.
    """
    extensions, unreadable = _read_each(certificate, structure)
    try:
        name_constraints = _name_constraints(extensions, unreadable, structure)
    except (NotDer, ValueError):
        name_constraints = None
    names = list(_get_value(extensions, x509.SubjectAlternativeName) or ())
    purposes = _get_value(extensions, x509.ExtendedKeyUsage)
    subject_key = _get_value(extensions, x509.SubjectKeyIdentifier)
    authority_key = _get_value(extensions, x509.AuthorityKeyIdentifier)
    return Extensions(
        count=len(structure.extensions),
        dns_names=tuple(n.value for n in names if isinstance(n, x509.DNSName)),
        ip_addresses=tuple(str(n.value) for n in names if isinstance(n, x509.IPAddress)),
        other_names=tuple(_describe_other_name(n) for n in names if not isinstance(n, x509.DNSName | x509.IPAddress)),
        basic_constraints=_read_basic_constraints(_get_value(extensions, x509.BasicConstraints)),
        key_usage=_read_key_usage(_get_value(extensions, x509.KeyUsage)),
        purposes=None if purposes is None else tuple(oid.dotted_string for oid in purposes),
        name_constraints=name_constraints,
        subject_key_identifier=subject_key.digest.hex() if subject_key else "",
        authority_key_identifier=(authority_key.key_identifier or b"").hex() if authority_key else "",
        unknown_critical=tuple(
            name_extension(extension.oid.dotted_string)
            for extension in extensions
            if extension.critical and extension.oid not in _OBEYED
        ),
        unreadable=tuple(oid for oid in unreadable if oid != _NAME_CONSTRAINTS or name_constraints is None),
    )


def name_extension(oid: str) -> str:
    """Return an extension's OID, followed by its name if it is known."""
    name = _OWN_NAMES.get(oid, "")
    return f"{oid} ({name})" if name else oid


def _read_each(certificate: x509.Certificate, structure: Structure) -> tuple[x509.Extensions, tuple[str, ...]]:
    """Return the readable extensions, and the OIDs of the others. `cryptography` reads all or none."""
    try:
        return certificate.extensions, ()
    except x509.DuplicateExtension:
        raise
    except Exception:  # noqa: BLE001 - it raises many types; reading each extension shows which are damaged
        return _read_separately(structure)


def _read_separately(structure: Structure) -> tuple[x509.Extensions, tuple[str, ...]]:
    readable, unreadable = [], []
    for extension in structure.extensions:
        try:
            readable.append(structure.read_extension(extension))
        except Exception:  # noqa: BLE001 - as above
            unreadable.append(read_extension_oid(extension))
    return x509.Extensions(readable), tuple(unreadable)


def _get_value(extensions: x509.Extensions, kind: type[E]) -> E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _describe_other_name(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DirectoryName):
        return write_name(name.value)
    if isinstance(name, x509.OtherName):
        return f"otherName {name.type_id.dotted_string}"
    return str(name.value)


def _read_basic_constraints(value: x509.BasicConstraints | None) -> BasicConstraints | None:
    return BasicConstraints(value.ca, value.path_length) if value else None


def _read_key_usage(value: x509.KeyUsage | None) -> KeyUsage | None:
    return KeyUsage(value.digital_signature, value.key_cert_sign, value.crl_sign) if value else None


def _name_constraints(
    extensions: x509.Extensions, unreadable: tuple[str, ...], structure: Structure
) -> NameConstraints | None:
    if _NAME_CONSTRAINTS in unreadable:
        (extension,) = (element for element in structure.extensions if read_extension_oid(element) == _NAME_CONSTRAINTS)
        return read_malformed(extension)
    try:
        return describe(extensions.get_extension_for_class(x509.NameConstraints))
    except x509.ExtensionNotFound:
        return None
