"""
Checks that certificates must pass before they are trusted for an origin, and the events that are written then.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.wso2_wording import ALREADY_EXISTS
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.trust import find_indistinguishable
from holdfast.certificates.validity import explain_expiry
from holdfast.services.access.audit import write_down, write_down_all
from holdfast.services.access.context import Context
from holdfast.services.errors import (
    AlreadyExists,
    CertificateExpired,
    IndistinguishableCertificates,
    NotFound,
)
from holdfast.store.audit import Action, CertificatesOf
from holdfast.store.trust import endpoint_certificates


def build_entry(
    context: Context, alias: str, target: Endpoint, certificates: tuple[Certificate, ...]
) -> EndpointCertificate:
    """Build the endpoint certificate that trusts *certificates* for the origin of *target*, without saving it."""
    return EndpointCertificate(
        id=str(uuid.uuid4()),
        organization=context.user.organization,
        alias=alias,
        endpoint=target.base_url,
        origin=str(target.origin),
        certificates=certificates,
        created_at=context.now,
        updated_at=context.now,
        created_by=context.user.name,
    )


def find_certificate(session: Session, context: Context, alias: str) -> EndpointCertificate:
    """Return an endpoint certificate. Raises NotFound."""
    entry = endpoint_certificates.get(session, context.user.organization, alias)
    if entry is None:
        raise NotFound("endpoint certificate", alias)
    return entry


def refuse_expired(certificates: Sequence[Certificate], now: datetime) -> None:
    """Raise CertificateExpired if all *certificates* have expired."""
    if why := explain_expiry(certificates, now):
        raise CertificateExpired(why)


def refuse_taken_alias(session: Session, context: Context, alias: str, remedy: str) -> None:
    """Raise Conflict if *alias* is taken; *remedy* says what to do."""
    if endpoint_certificates.get(session, context.user.organization, alias):
        raise AlreadyExists("alias", f"The alias {alias} {ALREADY_EXISTS}. {remedy}")


def refuse_indistinguishable(session: Session, entry: EndpointCertificate) -> None:
    """Raise IndistinguishableCertificates if a gateway couldn't accept all certificates of *entry* and its origin."""
    beside = endpoint_certificates.list_trusted_besides(session, entry)
    aliases = {certificate.fingerprint: alias for alias, certificate in beside}
    own = {certificate.fingerprint for certificate in entry.trusted}
    current = {certificate.fingerprint for certificate in entry.certificates}
    for pair in find_indistinguishable([*entry.trusted, *(certificate for _, certificate in beside)]):
        prints = {certificate.fingerprint for certificate in pair}
        if prints <= own:
            overlap = not prints <= current
            raise IndistinguishableCertificates(pair[0].subject, entry.alias if overlap else "", overlap=overlap)
        if prints & own:
            raise IndistinguishableCertificates(pair[0].subject, aliases[(prints - own).pop()])


def record_change(
    session: Session,
    context: Context,
    action: Action,
    entry: EndpointCertificate,
    removals: Sequence[Certificate] = (),
) -> None:
    """Write the audit event and the change row for a change of *entry*; *removals* are no longer trusted."""
    details = _describe(entry, removals)
    user, now = context.user, context.now
    write_down(session, user, now, action, entry.alias, details, change=("origin", entry.origin))


def record_changes(
    session: Session, context: Context, action: Action, entries: Collection[EndpointCertificate]
) -> None:
    """Write the audit events and the change rows for the same change of several *entries*."""
    details = {entry.alias: _describe(entry) for entry in entries}
    origins = dict.fromkeys(entry.origin for entry in entries)
    write_down_all(session, context.user, context.now, action, details, [("origin", origin) for origin in origins])


def _describe(entry: EndpointCertificate, removals: Sequence[Certificate] = ()) -> CertificatesOf:
    return CertificatesOf(
        entry.endpoint,
        _list_fingerprints(entry.certificates),
        _list_fingerprints(entry.previous),
        _list_fingerprints(removals),
    )


def _list_fingerprints(certificates: Sequence[Certificate]) -> tuple[str, ...]:
    return tuple(certificate.fingerprint for certificate in certificates)
