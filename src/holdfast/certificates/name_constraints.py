"""
The names that a CA may issue for (RFC 5280, section 4.2.1.10), including constraints that only gateways can read.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509

from holdfast.certificates.formats.der import SEQUENCE, Element, NotDer, has_tags, read

_BOOLEAN, _PERMITTED, _EXCLUDED = 0x01, 0xA0, 0xA1
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """
    Name constraints: whether they are critical, the dNSNames (lower case), and whether any cover IP addresses.

    They are *malformed* if they have no names or invalid IP addresses; gateways read them anyway.
    """

    critical: bool
    permitted_dns_names: tuple[str, ...]
    excluded_dns_names: tuple[str, ...]
    about_addresses: bool
    malformed: bool = False


def describe(extension: x509.Extension[x509.NameConstraints]) -> NameConstraints:
    """Return the name constraints that `cryptography` read."""
    value = extension.value
    permitted_names, excluded_names = value.permitted_subtrees or [], value.excluded_subtrees or []
    return NameConstraints(
        critical=extension.critical,
        permitted_dns_names=_list_dns_names(permitted_names),
        excluded_dns_names=_list_dns_names(excluded_names),
        about_addresses=any(isinstance(name, x509.IPAddress) for name in (*permitted_names, *excluded_names)),
    )


def read_malformed(extension: Element) -> NameConstraints:
    """
    Read *extension* as gateways do, which ignore the IP addresses in it (measured on Envoy 1.40).

    Raises:
        NotDer: It is damaged in another way, so gateways may reject it.
    """
    parts = extension.read_children()
    (constraints,) = read(parts[-1].read_octets())
    names: dict[int, list[Element]] = {_PERMITTED: [], _EXCLUDED: []}
    for subtrees in constraints.read_children():
        if subtrees.tag not in names:
            raise NotDer("it is neither permitted nor excluded")
        for subtree in subtrees.read_children():
            (name,) = subtree.read_children()
            if subtree.tag != SEQUENCE or name.tag not in {_DNS_NAME, _IP_ADDRESS}:
                raise NotDer("it has another kind of name")
            names[subtrees.tag].append(name)
    permitted_names, excluded_names = names.values()
    return NameConstraints(
        critical=has_tags(parts[1:], _BOOLEAN),
        permitted_dns_names=_list_texts(permitted_names),
        excluded_dns_names=_list_texts(excluded_names),
        about_addresses=any(name.tag == _IP_ADDRESS for name in (*permitted_names, *excluded_names)),
        malformed=True,
    )


def _list_dns_names(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    return tuple(name.value.lower() for name in names if isinstance(name, x509.DNSName))


def _list_texts(names: Iterable[Element]) -> tuple[str, ...]:
    try:
        return tuple(bytes(name.content).decode("ascii").lower() for name in names if name.tag == _DNS_NAME)
    except UnicodeDecodeError as error:
        raise NotDer("a host name isn't ASCII") from error
