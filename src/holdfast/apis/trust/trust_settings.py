"""
What people decide about the trust of an origin, beside the certificates that they import for it.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible
from holdfast.apis.url import parse_host
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.identity import ReferenceIdentifier, reference_identifier
from holdfast.certificates.revocation import RevocationList
from holdfast.certificates.trust import TlsVersion, TrustSet, deduplicate

MAX_NAMES = 20
MAX_PINS = 20
LONGEST_EXCEPTION = timedelta(days=7)
SHORTEST_REASON = 10
LONGEST_REASON = 500


class AnchorMode(StrEnum):
    """Which trust anchors an origin has."""

    IMPORTED = "imported"  # the public roots while none are imported
    IMPORTED_AND_PUBLIC = "imported-and-public"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class TrustException:
    """Verification is off until *ends_at*, because *owner* said so for *reason*."""

    reason: str
    owner: str
    ends_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """The decisions about one origin; their defaults are what holds for an origin that nobody decided about."""

    organization: str
    origin: str
    anchors: AnchorMode = AnchorMode.IMPORTED
    names: tuple[str, ...] = ()  # instead of the URL's host
    any_name: bool = False
    sni: str | None = None  # None: the URL's host
    certificate_pins: tuple[str, ...] = ()  # SHA-256, lower-case hex
    spki_pins: tuple[str, ...] = ()
    revocation: tuple[RevocationList, ...] = ()
    revocation_of_path: bool = True
    tls_minimum: TlsVersion = TlsVersion.TLS_1_2
    tls_maximum: TlsVersion = TlsVersion.TLS_1_3
    exception: TrustException | None = None


def build_trust_set(
    settings: TrustSettings, imported: Iterable[Certificate], reference: ReferenceIdentifier, now: datetime
) -> TrustSet:
    """Make the trust set that *settings* and the *imported* certificates give an origin whose host is *reference*."""
    exception = settings.exception
    return TrustSet(
        anchors=() if settings.anchors is AnchorMode.PUBLIC else deduplicate(imported),
        reference=reference,
        with_public_roots=settings.anchors is not AnchorMode.IMPORTED,
        names=tuple(reference_identifier(name) for name in settings.names),
        any_name=settings.any_name,
        sni=settings.sni,
        certificate_pins=settings.certificate_pins,
        spki_pins=settings.spki_pins,
        revocation=settings.revocation,
        revocation_of_path=settings.revocation_of_path,
        tls_minimum=settings.tls_minimum,
        tls_maximum=settings.tls_maximum,
        unverified_until=exception.ends_at if exception and now < exception.ends_at else None,
    )


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """Give *names* as they are stored, each once, or raise InvalidField."""
    if len(names) > MAX_NAMES:
        raise InvalidField("names", f"There are {len(names)} names; at most {MAX_NAMES} are possible.")
    hosts = []
    for name in names:
        try:
            hosts.append(parse_host(name.strip().strip("[]")))
        except ValueError as error:
            raise InvalidField("names", f"{error} Write each name like backend.example or 192.0.2.1.") from error
    return tuple(dict.fromkeys(hosts))


def check_sni(sni: str | None) -> str | None:
    """Give the server name as it is stored (empty: none is said), or raise InvalidField."""
    if not sni or not sni.strip():
        return None if sni is None else ""
    try:
        name = parse_host(sni.strip())
    except ValueError as error:
        raise InvalidField("sni", f"{error} Write a host name like backend.example.") from error
    if reference_identifier(name).is_ip:
        raise InvalidField("sni", "A server name is a host name, never an address (RFC 6066, section 3).")
    return name


def check_pins(pins: Sequence[str], field: str) -> tuple[str, ...]:
    """
    Give SHA-256 *pins* as lower-case hex, each once.

    Hex is read with or without colons, base64 with or without `sha256/` before it. Raises InvalidField.
    """
    if len(pins) > MAX_PINS:
        raise InvalidField(field, f"There are {len(pins)} pins; at most {MAX_PINS} are possible.")
    return tuple(dict.fromkeys(_pin(pin.strip(), field) for pin in pins))


def _pin(pin: str, field: str) -> str:
    text = re.sub(r"^sha-?256[/:= ]+", "", pin, flags=re.IGNORECASE)
    hexadecimal = text.replace(":", "").replace(" ", "").lower()
    if re.fullmatch(r"[0-9a-f]{64}", hexadecimal):
        return hexadecimal
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise InvalidField(field, f"{pin[:80]!r} is no SHA-256 fingerprint: 64 hex digits, or 44 characters of base64.")
    return digest.hex()


def check_exception(reason: str, owner: str, ends_at: datetime, now: datetime) -> TrustException:
    """Make an exception that begins now, or raise InvalidField."""
    reason = check_visible(reason.strip(), "reason", "The reason")
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise InvalidField(
            "reason", f"Say in {SHORTEST_REASON} to {LONGEST_REASON} characters why nothing else is possible."
        )
    if not now < ends_at <= now + LONGEST_EXCEPTION:
        raise InvalidField("until", f"The end lies in the future, and at most {LONGEST_EXCEPTION.days} days away.")
    return TrustException(reason, owner, ends_at)
