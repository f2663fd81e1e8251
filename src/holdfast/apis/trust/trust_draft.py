"""
Trust settings as entered, before they are checked.
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
    """Unchecked trust settings of an origin; *revocation* is a file of CRLs, None keeps the current CRLs."""

    anchors: str = AnchorMode.IMPORTED.value
    names: Sequence[str] = ()
    any_name: bool = False
    sni: str | None = None
    certificate_pins: Sequence[str] = ()
    spki_pins: Sequence[str] = ()
    revocation: bytes | None = None  # empty: remove the CRLs
    revocation_of_path: bool = True
    tls_minimum: str = "1.2"
    tls_maximum: str = "1.3"


def check_draft(draft: TrustDraft) -> TrustSettings:
    """Return the settings as stored, without organization and origin. Raises InvalidFields."""
    check = Check()
    certificate_pins = check(partial(check_pins, field="certificatePins"), draft.certificate_pins)
    if draft.any_name and not draft.certificate_pins:
        check.add("anyName", "Skipping the host-name check requires a certificate pin. Add one, or check a name.")
    low = check(partial(_read_version, field="tlsMinimum"), draft.tls_minimum) or TlsVersion.TLS_1_2
    high = check(partial(_read_version, field="tlsMaximum"), draft.tls_maximum) or TlsVersion.TLS_1_3
    if low > high:
        check.add("tlsMinimum", "The minimum TLS version is above the maximum. Lower it, or raise the maximum.")
    settings = TrustSettings(
        organization="",
        origin="",
        anchors=check(_read_anchors, draft.anchors) or AnchorMode.IMPORTED,
        names=check(check_names, draft.names) or (),
        any_name=draft.any_name,
        sni=check(check_sni, draft.sni),
        certificate_pins=certificate_pins or (),
        spki_pins=check(partial(check_pins, field="spkiPins"), draft.spki_pins) or (),
        revocation=check(_read_revocation, draft.revocation) or (),
        revocation_of_path=draft.revocation_of_path,
        tls_minimum=low,
        tls_maximum=high,
    )
    check.finish()
    return settings


def _read_anchors(mode: str) -> AnchorMode:
    try:
        return AnchorMode(mode)
    except ValueError as error:
        raise InvalidField("anchors", f"{mode[:40]!r} isn't supported. Use one of {', '.join(AnchorMode)}.") from error


def _read_version(version: str, field: str) -> TlsVersion:
    versions = {"1.2": TlsVersion.TLS_1_2, "1.3": TlsVersion.TLS_1_3}
    if version not in versions:
        raise InvalidField(field, f"TLS version {version[:20]!r} isn't supported. Use 1.2 or 1.3.")
    return versions[version]


def _read_revocation(data: bytes | None) -> tuple[RevocationList, ...]:
    if not data:
        return ()
    try:
        return read_revocation_lists(data)
    except CertificateError as error:
        raise InvalidField("crls", str(error)) from error
