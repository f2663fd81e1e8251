"""
Rotation: previous certificates of an alias stay trusted until they are retired, and a replacement can be undone.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from holdfast.apis.trust.endpoint_certificate import (
    EndpointCertificate,
    Generation,
    Observation,
    Removal,
)
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.path import leads_to
from holdfast.certificates.validity import Status, get_status
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NothingBefore
from holdfast.services.trust import admission, removal
from holdfast.services.versions import Expected, check_expected, make_certificate_tag
from holdfast.store.audit import Action
from holdfast.store.database import Transactions
from holdfast.store.trust import endpoint_certificates, removed_certificates

SEEN_WITHIN = timedelta(hours=1)  # older observations don't count


def undo_replacement(context: Context, alias: str, expected: Expected = None) -> EndpointCertificate:
    """
    Make the certificates that *alias* had before its last replacement current again; return the changed entry.

    These are its previous certificates, if it has any; otherwise those replaced or retired last, within 30 days. The
    ones that were current can be restored, so undoing twice makes them current again, without an overlap.

    Raises:
        NotFound: The alias doesn't exist.
        NothingBefore: Its certificates weren't replaced in the last 30 days.
        CertificateExpired: All the earlier certificates have expired.
        IndistinguishableCertificates: A gateway couldn't accept all of them together with those imported since.
        ContentChanged: The entry isn't as *expected*.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    with context.write() as session:
        before = admission.find_certificate(session, context, alias)
        check_expected(expected, make_certificate_tag(before))
        after = _undo(session, before, context.now)
        admission.refuse_expired(after.certificates, context.now)
        admission.refuse_indistinguishable(session, after)
        removal.keep(session, context, before, Removal.REPLACED, certificates=before.certificates)
        endpoint_certificates.update(session, after)
        admission.record_change(session, context, Action.UNDO_REPLACEMENT, after, before.certificates)
    return after


def retire_previous(context: Context, alias: str, expected: Expected = None) -> EndpointCertificate:
    """
    Stop trusting the previous certificates of *alias*; return the changed entry.

    Raises:
        NotFound: The alias doesn't exist.
        NothingBefore: It has no previous certificates.
        ContentChanged: The entry isn't as *expected*.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    with context.write() as session:
        before = admission.find_certificate(session, context, alias)
        check_expected(expected, make_certificate_tag(before))
        if not before.previous:
            raise NothingBefore(alias, undo=False)
        after = replace(before, previous=(), updated_at=context.now, observation=Observation())
        removal.keep(session, context, before, Removal.RETIRED, certificates=before.previous)
        endpoint_certificates.update(session, after)
        admission.record_change(session, context, Action.RETIRE_PREVIOUS, after, before.previous)
    return after


def find_generation(entry: EndpointCertificate, chain: Sequence[Certificate]) -> Generation:
    """Return which certificates of *entry* verify *chain*, which begins with the backend's own."""
    current, previous = (bool(leads_to(chain, anchors)) for anchors in (entry.certificates, entry.previous))
    if current and previous:
        return Generation.BOTH
    if current or previous:
        return Generation.CURRENT if current else Generation.PREVIOUS
    return Generation.NEITHER


def observe(store: Transactions, entry: EndpointCertificate, generation: Generation | None, now: datetime) -> None:
    """
    Record which certificates of *entry* its backend uses; None if it presented nothing.

    Nothing is recorded if the entry was changed after it was read. Gateways aren't informed, because trust is the same.
    """
    observation = replace(entry.observation, looked_at=now)
    if generation:
        observation = replace(observation, at=now, generation=generation)
    if generation in (Generation.CURRENT, Generation.BOTH) and not observation.current_first_seen_at:
        observation = replace(observation, current_first_seen_at=now)
    if generation is Generation.PREVIOUS:
        observation = replace(observation, previous_last_needed_at=now)
    with store.write() as session:
        endpoint_certificates.observe(session, replace(entry, observation=observation))


def recall_generation(entry: EndpointCertificate, now: datetime) -> Generation | None:
    """Return which certificates the backend uses; None if that wasn't observed within the last hour."""
    observation = entry.observation
    return observation.generation if observation.at and now - observation.at <= SEEN_WITHIN else None


def should_retire(entry: EndpointCertificate, now: datetime, quiet: timedelta) -> bool:
    """
    Return whether the previous certificates of *entry* can be retired: the backend hasn't needed them for *quiet*.

    This must have been observed within the last hour, and one of the current certificates must be valid.
    """
    observation = entry.observation
    if not entry.previous or recall_generation(entry, now) not in (Generation.CURRENT, Generation.BOTH):
        return False
    if not any(get_status(certificate, now) in (Status.ACTIVE, Status.EXPIRING) for certificate in entry.certificates):
        return False
    since = max(t for t in (observation.current_first_seen_at, observation.previous_last_needed_at) if t)
    return now - since >= quiet


def _undo(session: Session, before: EndpointCertificate, now: datetime) -> EndpointCertificate:
    certificates, previous = before.previous, before.previous[:0]
    if not certificates:
        removed_entry = removed_certificates.get_latest_replaced(session, before.organization, before.id, now)
        if removed_entry is None:
            raise NothingBefore(before.alias, undo=True)
        removed_entry.require_readable()
        removed_certificates.remove(session, removed_entry)
        certificates, previous = removed_entry.certificates, removed_entry.previous
    return replace(
        before,
        certificates=certificates,
        previous=previous,
        updated_at=now,
        replaced_at=now,
        observation=Observation(),
    )
