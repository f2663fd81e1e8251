"""
Pins for certificates without a usable name, such as those that have a host only as their common name.

A gateway accepts such a certificate only if trust settings pin exactly this one and skip the name check.
"""

from dataclasses import replace
from enum import StrEnum

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.trust.trust_settings import MAX_PINS, AnchorMode, TrustSettings, build_trust_set
from holdfast.certificates.findings.rejection import ABOUT_NAMES, list_reasons_to_reject
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import Conflict
from holdfast.services.trust import admission
from holdfast.services.trust.trust_settings import compare_settings
from holdfast.store.audit import Action
from holdfast.store.trust import endpoint_certificates, trust_settings

REJECTED_WITHOUT_PIN = (
    "The gateway will reject this certificate, because it has no host name or address in subjectAltName; pin it, and "
    "the gateway accepts exactly this certificate."
)


class Pin(StrEnum):
    """Whether the certificates of an alias are pinned, or will be rejected unless they are."""

    NEEDED = "needed"
    PRESENT = "present"
    UNNECESSARY = "unnecessary"


def judge_pin(context: Context, entry: EndpointCertificate) -> Pin:
    """Return whether the gateway accepts the certificates of *entry* only if they are pinned, and whether they are."""
    if _has_names(entry) or not entry.certificates:
        return Pin.UNNECESSARY
    with context.read() as session:
        if _needs_pin(session, context, entry):
            return Pin.NEEDED
        settings = _find_settings(session, entry)
    is_present = settings.any_name and _list_fingerprints(entry) <= set(settings.certificate_pins)
    return Pin.PRESENT if is_present else Pin.UNNECESSARY


def pin_certificate(context: Context, alias: str) -> EndpointCertificate:
    """
    Pin the certificates under *alias* if the gateway would otherwise reject them for their names; return the entry.

    Raises:
        NotFound: The alias doesn't exist.
        Conflict: The endpoint trusts other certificates, which the pin would reject.
    """
    context.user.require(Permission.CHANGE_TRUST_SETTINGS)
    with context.write() as session:
        entry = admission.find_certificate(session, context, alias)
        pin_entry(session, context, entry)
    return entry


def pin_entry(session: Session, context: Context, entry: EndpointCertificate) -> None:
    """Pin *entry* if it needs that, in the caller's transaction. Raises Conflict, NotPermitted."""
    context.user.require(Permission.CHANGE_TRUST_SETTINGS)
    if not _needs_pin(session, context, entry):
        return
    before = _find_settings(session, entry)
    others = any(other.id != entry.id for other in _find_trusted(session, entry))
    has_pins = bool(before.certificate_pins or before.spki_pins)
    if not before.any_name and (others or has_pins or before.anchors is not AnchorMode.IMPORTED):
        message = (
            f"A pin for {entry.alias} would reject the other certificates that {entry.origin} trusts. Remove these, or "
            "change the pins in the trust settings."
        )
        raise Conflict("pin", message)
    pins = tuple(dict.fromkeys([*before.certificate_pins, *sorted(_list_fingerprints(entry))]))
    if len(pins) > MAX_PINS:
        raise Conflict(
            "pin", f"{entry.origin} would have more than {MAX_PINS} pins. Remove some in the trust settings."
        )
    _save(session, context, before, replace(before, any_name=True, certificate_pins=pins))


def unpin_certificate(context: Context, alias: str) -> EndpointCertificate:
    """
    Remove the pins of the certificates under *alias*; without any other pin, the name check applies. Raises NotFound.
    """
    context.user.require(Permission.CHANGE_TRUST_SETTINGS)
    with context.write() as session:
        entry = admission.find_certificate(session, context, alias)
        before = _find_settings(session, entry)
        pins = tuple(pin for pin in before.certificate_pins if pin not in _list_fingerprints(entry))
        after = replace(before, certificate_pins=pins, any_name=before.any_name and bool(pins))
        if after != before:
            _save(session, context, before, after)
    return entry


def _needs_pin(session: Session, context: Context, entry: EndpointCertificate) -> bool:
    if _has_names(entry):
        return False
    settings = _find_settings(session, entry).readable
    trust = build_trust_set(settings, entry.certificates, parse_endpoint(entry.origin).origin.reference, context.now)
    if trust.unverified_until:
        return False
    if trust.any_name:
        return not _list_fingerprints(entry) <= set(settings.certificate_pins)
    reasons = list_reasons_to_reject(entry.certificates, trust.accepted_names, context.now)
    return bool(reasons) and all(reason.code in ABOUT_NAMES for reason in reasons)


def _has_names(entry: EndpointCertificate) -> bool:
    return any(certificate.subject_alt_names for certificate in entry.certificates)


def _find_trusted(session: Session, entry: EndpointCertificate) -> list[EndpointCertificate]:
    return endpoint_certificates.list_of_origins(session, entry.organization, [entry.origin])


def _find_settings(session: Session, entry: EndpointCertificate) -> TrustSettings:
    settings_by_origin = trust_settings.list_by_origin(session, entry.organization, [entry.origin])
    return settings_by_origin.get(entry.origin) or TrustSettings(entry.organization, entry.origin)


def _list_fingerprints(entry: EndpointCertificate) -> set[str]:
    return {certificate.fingerprint for certificate in entry.readable}


def _save(session: Session, context: Context, before: TrustSettings, after: TrustSettings) -> None:
    trust_settings.save(session, after)
    changes = compare_settings(before, after)
    action, origin = Action.CHANGE_TRUST_SETTINGS, after.origin
    write_down(session, context.user, context.now, action, origin, changes, change=("origin", origin))
