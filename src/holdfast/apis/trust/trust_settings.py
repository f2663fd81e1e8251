"""
Trust settings of an origin: everything that decides trust, except for the imported certificates.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from holdfast.apis.errors import InvalidField, UnreadableData
from holdfast.apis.text import check_visible
from holdfast.apis.url import parse_host
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.identity import ReferenceIdentifier, parse_reference
from holdfast.certificates.revocation import RevocationList
from holdfast.certificates.trust import TlsVersion, TrustSet, deduplicate

MAX_NAMES = 20
MAX_PINS = 20
LONGEST_EXCEPTION = timedelta(days=7)
SHORTEST_REASON = 10
LONGEST_REASON = 500


class AnchorMode(StrEnum):
    """The kinds of trust anchors of an origin."""

    IMPORTED = "imported"  # the public roots if none are imported
    IMPORTED_AND_PUBLIC = "imported-and-public"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class TrustException:
    """Verification is off until *ends_at*; *owner* turned it off for *reason*."""

    reason: str
    owner: str
    ends_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """The trust settings of one origin; the defaults apply if nobody changed them."""

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

    @property
    def readable(self) -> "TrustSettings":
        """The settings; the defaults if they can't be read, only to show what is possible."""
        return self

    def require_readable(self) -> None:
        """Raise UnreadableData if the stored settings can't be read."""


@dataclass(frozen=True, slots=True)
class UnreadableSettings(TrustSettings):
    """Trust settings that can't be read, so gateways refuse the backends of the origin, even with an exception."""

    @property
    def readable(self) -> TrustSettings:
        """The defaults."""
        return TrustSettings(self.organization, self.origin)

    def require_readable(self) -> None:
        """Raise UnreadableData."""
        raise UnreadableData(f"The trust settings stored for {self.origin}", "Save new ones, including CRLs.")


def build_trust_set(
    settings: TrustSettings, certificates: Iterable[Certificate], reference: ReferenceIdentifier, now: datetime
) -> TrustSet:
    """
    Return the trust set for *settings*, the imported *certificates* and the host *reference*. Raises UnreadableData.
    """
    settings.require_readable()
    exception = settings.exception
    return TrustSet(
        anchors=() if settings.anchors is AnchorMode.PUBLIC else deduplicate(certificates),
        reference=reference,
        with_public_roots=settings.anchors is not AnchorMode.IMPORTED,
        names=tuple(parse_reference(name) for name in settings.names),
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
    """Return the distinct *names* as stored. Raises InvalidField."""
    if len(names) > MAX_NAMES:
        raise InvalidField("names", f"There are {len(names)} names; the limit is {MAX_NAMES}.")
    hosts = []
    for name in names:
        try:
            hosts.append(parse_host(name.strip().strip("[]")))
        except ValueError as error:
            raise InvalidField("names", f"{error} Use names like backend.example or 192.0.2.1.") from error
    return tuple(dict.fromkeys(hosts))


def check_sni(sni: str | None) -> str | None:
    """Return the server name as stored (empty: no SNI is sent). Raises InvalidField."""
    if not sni or not sni.strip():
        return None if sni is None else ""
    try:
        name = parse_host(sni.strip())
    except ValueError as error:
        raise InvalidField("sni", f"{error} Use a host name like backend.example.") from error
    if parse_reference(name).is_ip:
        raise InvalidField("sni", "The SNI must be a host name, not an IP address (RFC 6066, section 3).")
    return name


def check_pins(pins: Sequence[str], field: str) -> tuple[str, ...]:
    """
    Return the distinct SHA-256 *pins* as lower-case hex. Raises InvalidField.

    Hex may have colons, and base64 may have the prefix `sha256/`.
    """
    if len(pins) > MAX_PINS:
        raise InvalidField(field, f"There are {len(pins)} pins; the limit is {MAX_PINS}.")
    return tuple(dict.fromkeys(_parse_pin(pin.strip(), field) for pin in pins))


def _parse_pin(pin: str, field: str) -> str:
    text = re.sub(r"^sha-?256[/:= ]+", "", pin, flags=re.IGNORECASE)
    hexadecimal = text.replace(":", "").replace(" ", "").lower()
    if re.fullmatch(r"[0-9a-f]{64}", hexadecimal):
        return hexadecimal
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise InvalidField(field, f"{pin[:80]!r} isn't a SHA-256 fingerprint: 64 hex digits or 44 base64 characters.")
    return digest.hex()


def check_exception(reason: str, owner: str, ends_at: datetime, now: datetime) -> TrustException:
    """Return an exception that begins at *now*. Raises InvalidField."""
    reason = check_visible(reason.strip(), "reason", "The reason")
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise InvalidField(
            "reason", f"Explain why verification must be off, in {SHORTEST_REASON} to {LONGEST_REASON} characters."
        )
    if not now < ends_at <= now + LONGEST_EXCEPTION:
        raise InvalidField("until", f"The expiry must be in the future, within {LONGEST_EXCEPTION.days} days.")
    return TrustException(reason, owner, ends_at)
