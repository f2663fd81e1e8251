"""
What a person writes about the trust of an origin, before it is checked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.apis.trust.trust_settings import (
    AnchorMode,
    TrustSettings,
    check_names,
    check_pins,
    check_sni,
)
from holdfast.certificates.errors import CertificateError
from holdfast.certificates.revocation import RevocationList, read_revocation_lists
from holdfast.certificates.trust import TlsVersion

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrustDraft:
    """What a person decides about an origin; *revocation* is the content of a file of CRLs, None keeps those it has."""

    anchors: str = AnchorMode.IMPORTED.value
    names: Sequence[str] = ()
    any_name: bool = False
    sni: str | None = None
    certificate_pins: Sequence[str] = ()
    spki_pins: Sequence[str] = ()
    revocation: bytes | None = None  # empty: none any longer
    revocation_of_path: bool = True
    tls_minimum: str = "1.2"
    tls_maximum: str = "1.3"


def check_draft(draft: TrustDraft) -> TrustSettings:
    """Give the decisions as they are stored, of no organization and origin yet, or raise InvalidFields."""
    errors: list[InvalidField] = []

    def check(read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except InvalidField as error:
            errors.append(error)
            return otherwise

    certificate_pins: tuple[str, ...] = check(lambda: check_pins(draft.certificate_pins, "certificatePins"), ())
    if draft.any_name and not draft.certificate_pins:
        text = "Only a certificate that is pinned needs no name. Pin its SHA-256 fingerprint, or check a name."
        errors.append(InvalidField("anyName", text))
    low = check(lambda: _version(draft.tls_minimum, "tlsMinimum"), TlsVersion.TLS_1_2)
    high = check(lambda: _version(draft.tls_maximum, "tlsMaximum"), TlsVersion.TLS_1_3)
    if low > high:
        errors.append(InvalidField("tlsMinimum", "The least TLS version is above the highest."))
    checked = TrustSettings(
        organization="",
        origin="",
        anchors=check(lambda: _anchors(draft.anchors), AnchorMode.IMPORTED),
        names=check(lambda: check_names(draft.names), ()),
        any_name=draft.any_name,
        sni=check(lambda: check_sni(draft.sni), None),
        certificate_pins=certificate_pins,
        spki_pins=check(lambda: check_pins(draft.spki_pins, "spkiPins"), ()),
        revocation=check(lambda: _revocation(draft.revocation), ()),
        revocation_of_path=draft.revocation_of_path,
        tls_minimum=low,
        tls_maximum=high,
    )
    if errors:
        raise InvalidFields(errors)
    return checked


def _anchors(mode: str) -> AnchorMode:
    try:
        return AnchorMode(mode)
    except ValueError as error:
        raise InvalidField("anchors", f"{mode[:40]!r} is none of {', '.join(AnchorMode)}.") from error


def _version(version: str, field: str) -> TlsVersion:
    versions = {"1.2": TlsVersion.TLS_1_2, "1.3": TlsVersion.TLS_1_3}
    if version not in versions:
        raise InvalidField(field, f"{version[:20]!r} is not spoken; write 1.2 or 1.3.")
    return versions[version]


def _revocation(data: bytes | None) -> tuple[RevocationList, ...]:
    if not data:
        return ()
    try:
        return read_revocation_lists(data)
    except CertificateError as error:
        raise InvalidField("crls", str(error)) from error
