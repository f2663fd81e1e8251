"""
What a person writes about the trust of an origin, before it is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from holdfast.apis.check import Check
from holdfast.apis.errors import InvalidField
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
    check = Check()
    certificate_pins = check(partial(check_pins, field="certificatePins"), draft.certificate_pins)
    if draft.any_name and not draft.certificate_pins:
        check.add(
            "anyName", "Only a certificate that is pinned needs no name. Pin its SHA-256 fingerprint, or check a name."
        )
    low = check(partial(_version, field="tlsMinimum"), draft.tls_minimum) or TlsVersion.TLS_1_2
    high = check(partial(_version, field="tlsMaximum"), draft.tls_maximum) or TlsVersion.TLS_1_3
    if low > high:
        check.add("tlsMinimum", "The minimum TLS version is above the maximum.")
    settings = TrustSettings(
        organization="",
        origin="",
        anchors=check(_anchors, draft.anchors) or AnchorMode.IMPORTED,
        names=check(check_names, draft.names) or (),
        any_name=draft.any_name,
        sni=check(check_sni, draft.sni),
        certificate_pins=certificate_pins or (),
        spki_pins=check(partial(check_pins, field="spkiPins"), draft.spki_pins) or (),
        revocation=check(_revocation, draft.revocation) or (),
        revocation_of_path=draft.revocation_of_path,
        tls_minimum=low,
        tls_maximum=high,
    )
    check.finish()
    return settings


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
