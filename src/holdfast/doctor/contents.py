"""
Checks of the content of a database that needs attention: secrets, certificates, callers, gateways, exceptions.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy.orm import Session

from holdfast.certificates.validity import EXPIRING_WITHIN
from holdfast.doctor.check import Check, list_some
from holdfast.doctor.stored_values import check_stored_values
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.network.sockets import CannotStart
from holdfast.server.sealing.keys import open_sealing
from holdfast.server.settings import Settings
from holdfast.store import inspection
from holdfast.store.sealing import CannotUnseal

RENEWED_BEFORE = timedelta(days=7)  # gateways renew their certificates when 10 days are left


def check_contents(session: Session, settings: Settings, data: Path, now: datetime) -> Iterator[Check]:
    """Yield the checks of the content."""
    yield check_stored_values(session)
    yield _check_secrets(session, settings, data)
    endpoint_certificates = inspection.list_trusted_certificates(session)
    identities = inspection.list_presented_certificates(session)
    yield _check_lifetimes(
        "endpoint certificates", endpoint_certificates, now, "Replace them (`holdfast certificate replace`)."
    )
    yield _check_lifetimes(
        "client certificates", identities, now, "Import new ones, or create signing requests for them."
    )
    calling = inspection.list_calling_certificates(session)
    yield _check_lifetimes(
        "certificates of callers", calling, now, "Ask the callers for new ones and upload those, too."
    )
    yield _check_callers(session, now)
    yield _check_gateways(session, now)
    on = [f"{origin} of {organization}" for organization, origin in inspection.list_exceptions(session, now)]
    if on:
        text = f"Verification is turned off for {list_some(on)}."
        yield Check.warning(
            "exceptions", text, "`holdfast trust verify URL` turns it back on before the exception expires."
        )
    else:
        yield Check.ok("exceptions", "Verification is on for every backend.")


def _check_callers(session: Session, now: datetime) -> Check:
    apis = [f"{api} of {organization}" for organization, api in inspection.list_without_callers(session, now)]
    if apis:
        advice = "Upload a caller certificate, or remove mutualssl from securityScheme."
        return Check.warning("callers", f"Nobody can call {list_some(apis)}: it has no caller certificates.", advice)
    return Check.ok("callers", "Every API that requires client certificates has a caller certificate.")


def _check_gateways(session: Session, now: datetime) -> Check:
    """Check whether gateways renew their certificates, which they do ten days before they expire."""
    ends = inspection.list_gateway_expiries(session)
    expired_names = [name for name, end in ends.items() if end <= now]
    late = [name for name, end in ends.items() if now < end <= now + RENEWED_BEFORE]
    sentences = []
    if expired_names:
        sentences.append(f"Their certificates have expired: {list_some(expired_names)}.")
    if late:
        sentences.append(f"They should have renewed their certificates: {list_some(late)}.")
    if sentences:
        advice = "Check that they run and reach the publisher. Enroll those again whose certificate has expired."
        return Check.warning("gateways", " ".join(sentences), advice)
    text = f"{len(ends)} gateways have a valid certificate." if ends else "No gateway on another machine has joined."
    return Check.ok("gateways", text)


def _check_secrets(session: Session, settings: Settings, data: Path) -> Check:
    count, lost_secrets, ca_lost = 0, [], False
    try:
        sealing = open_sealing(settings, data)
        for organization, row, origin, secret in inspection.list_sealed_secrets(session):
            try:
                sealing.open(secret, organization, row)
                count += 1
            except CannotUnseal:
                lost_secrets.append(f"{origin} of {organization}")
                ca_lost = ca_lost or origin == inspection.GATEWAY_CA
    except (CannotStart, UnusableSealingKey) as error:
        return Check.failed("sealing key", str(error), "Restore the previous sealing key.")
    if lost_secrets:
        advice = "Restore the previous sealing key, or enter these secrets again: import the client certificates, and "
        advice += "set the credentials of endpoints and the secrets of notification channels."
        if ca_lost:
            advice += " For the gateway CA, revoke all gateways and enroll them again."
        return Check.failed("sealing key", f"It can't decrypt the secrets for {list_some(lost_secrets)}.", advice)
    text = f"It decrypts all secrets ({count})." if count else "There are no secrets to decrypt."
    return Check.ok("sealing key", text)


def _check_lifetimes(name: str, certificates: Iterable[tuple[str, str, bytes]], now: datetime, advice: str) -> Check:
    """Check when certificates expire. Of several with one name, the last to expire counts, as on pages."""
    ends: dict[str, datetime] = {}
    for organization, subject, der in certificates:
        try:
            end = x509.load_der_x509_certificate(der).not_valid_after_utc
        except ValueError:
            continue  # the check of stored values names it
        where = f"{subject} of {organization}"
        ends[where] = max(end, ends.get(where, end))
    expired_names = [where for where, end in ends.items() if end < now]
    soon = [where for where, end in ends.items() if now <= end <= now + EXPIRING_WITHIN]
    sentences = []
    if expired_names:
        sentences.append(f"Expired ({len(expired_names)}): {list_some(expired_names)}.")
    if soon:
        sentences.append(f"Expiring within {EXPIRING_WITHIN.days} days ({len(soon)}): {list_some(soon)}.")
    return (
        Check.warning(name, " ".join(sentences), advice)
        if sentences
        else Check.ok(
            name,
            f"{len(ends)} checked; none expires within {EXPIRING_WITHIN.days} days." if ends else "There are none.",
        )
    )
