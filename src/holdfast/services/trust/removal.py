"""
Removed certificates: kept for a while, listed and restored.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.trust.endpoint_certificate import (
    EndpointCertificate,
    Observation,
    Removal,
    RemovedCertificate,
    check_alias,
)
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.formats.parts import MAX_CERTIFICATES
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import Conflict, NotFound
from holdfast.services.trust import admission
from holdfast.services.trust.endpoints import refuse_foreign, refuse_insecure
from holdfast.store.audit import Action
from holdfast.store.trust import endpoint_certificates, removed_certificates


def list_removed(context: Context, offset: int = 0, limit: int | None = None) -> tuple[list[RemovedCertificate], int]:
    """Return a page of removed certificates, newest first, and the number of all."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        return removed_certificates.find(session, context.user.organization, context.now, offset, limit)


def find_restore_end(removed_entry: RemovedCertificate) -> datetime:
    """Return when *removed_entry* will be deleted for good."""
    return removed_entry.removed_at + removed_certificates.KEEP_REMOVED


def restore_certificate(context: Context, removed_id: str, alias: str | None = None) -> EndpointCertificate:
    """
    Trust removed certificates again; return the entry that has them now.

    A deleted entry comes back as it was. Retired or replaced certificates become previous certificates of their alias;
    if the alias no longer exists, or *alias* is set, they become a new entry.

    Raises:
        NotFound: Nothing with this id was removed in the last 30 days.
        UnreadableCertificate: What was removed can't be read.
        InvalidField: The alias is invalid, or no API has the endpoint.
        Conflict: The alias is taken, or the entry would have too many previous certificates.
        CertificateExpired: All the certificates have expired.
        IndistinguishableCertificates: A gateway couldn't accept all of them together with those that are trusted.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    alias = check_alias(alias) if alias is not None else None
    with context.write() as session:
        removed_entry = removed_certificates.get(session, context.user.organization, removed_id, context.now)
        if removed_entry is None:
            raise NotFound("removed certificate", removed_id)
        removed_entry.require_readable()
        admission.refuse_expired(removed_entry.certificates, context.now)
        target = parse_endpoint(removed_entry.endpoint)
        refuse_foreign(session, context, target)
        refuse_insecure(target)
        current = endpoint_certificates.get_by_id(session, context.user.organization, removed_entry.entry_id)
        if current and alias is None:
            after = _add_previous(current, removed_entry, context.now)
            admission.refuse_indistinguishable(session, after)
            endpoint_certificates.update(session, after)
        else:
            after = _build_entry(removed_entry, alias or removed_entry.alias, context)
            admission.refuse_taken_alias(session, context, after.alias, "Restore it under another alias.")
            admission.refuse_indistinguishable(session, after)
            endpoint_certificates.insert(session, after)
        removed_certificates.remove(session, removed_entry)
        admission.record_change(session, context, Action.RESTORE_CERTIFICATE, after)
    return after


def delete_entries(session: Session, context: Context, entries: Sequence[EndpointCertificate]) -> None:
    """
    Delete *entries*, of which there is at least one, in the caller's transaction; they can be restored.

    What can't be read can't be restored either. Statements are for all entries, because other writers wait.
    """
    endpoint_certificates.remove(session, *entries)
    removed_entries = [
        _build_removed(context, entry, Removal.DELETED, entry.certificates, entry.previous)
        for entry in entries
        if entry.certificates
    ]
    if removed_entries:
        removed_certificates.insert(session, *removed_entries)
    admission.record_changes(session, context, Action.DELETE_CERTIFICATE, entries)


def keep(
    session: Session,
    context: Context,
    before: EndpointCertificate,
    why: Removal,
    *,
    certificates: Sequence[Certificate],
    previous: Sequence[Certificate] = (),
) -> None:
    """
    Save *certificates* and *previous* of *before*, which are no longer trusted, so that they can be restored.

    What can't be read can't be restored either.
    """
    if certificates:
        removed_certificates.insert(session, _build_removed(context, before, why, certificates, previous))


def _build_removed(
    context: Context,
    before: EndpointCertificate,
    why: Removal,
    certificates: Sequence[Certificate],
    previous: Sequence[Certificate],
) -> RemovedCertificate:
    return RemovedCertificate(
        id=str(uuid.uuid4()),
        organization=before.organization,
        entry_id=before.id,
        alias=before.alias,
        endpoint=before.endpoint,
        origin=before.origin,
        why=why,
        certificates=tuple(certificates),
        previous=tuple(previous),
        created_at=before.created_at,
        replaced_at=before.replaced_at,
        removed_at=context.now,
        removed_by=context.user.name,
        created_by=before.created_by,
    )


def _add_previous(
    current: EndpointCertificate, removed_entry: RemovedCertificate, now: datetime
) -> EndpointCertificate:
    certificates = (*current.previous, *removed_entry.certificates, *removed_entry.previous)
    previous = tuple({certificate.fingerprint: certificate for certificate in certificates}.values())
    if len(previous) > MAX_CERTIFICATES:
        raise Conflict("alias", f"{current.alias} would have more than {MAX_CERTIFICATES} previous certificates.")
    return replace(
        current,
        previous=previous,
        replaced_at=current.replaced_at or now,
        updated_at=now,
        observation=Observation(),
    )


def _build_entry(removed_entry: RemovedCertificate, alias: str, context: Context) -> EndpointCertificate:
    is_deleted = removed_entry.why is Removal.DELETED
    return EndpointCertificate(
        # A deleted entry keeps its id, so that its earlier replacements can still be undone.
        id=removed_entry.entry_id if is_deleted else str(uuid.uuid4()),
        organization=removed_entry.organization,
        alias=alias,
        endpoint=removed_entry.endpoint,
        origin=removed_entry.origin,
        certificates=removed_entry.certificates,
        previous=removed_entry.previous,
        created_at=removed_entry.created_at if is_deleted else context.now,
        updated_at=context.now,
        replaced_at=removed_entry.replaced_at if is_deleted else None,
        created_by=removed_entry.created_by if is_deleted else context.user.name,
    )
