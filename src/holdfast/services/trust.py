"""
Endpoint certificates: import, look at, replace, delete. What is trusted here is trusted for one origin alone.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.api import Api
from holdfast.apis.endpoint import Endpoint, parse_endpoint
from holdfast.apis.endpoint_certificate import EndpointCertificate, check_alias
from holdfast.apis.errors import InvalidField
from holdfast.certificates import parsing
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings import Finding, examine
from holdfast.certificates.parsing import Ignored, Upload
from holdfast.certificates.trust import indistinguishable
from holdfast.certificates.validity import Status, status_of
from holdfast.services.errors import (
    CertificateExpired,
    Conflict,
    EndpointNeedsNoCertificate,
    IndistinguishableCertificates,
    NotFound,
)
from holdfast.services.principal import Principal
from holdfast.services.versions import Expected, check_expected, tag_of_certificate
from holdfast.store import apis, endpoint_certificates, journal
from holdfast.store.database import Store
from holdfast.store.journal import AuditEvent


@dataclass(frozen=True, slots=True)
class Import:
    """What came of an upload: the entry as it is stored, and the parts of the file that were left out."""

    entry: EndpointCertificate
    ignored: tuple[Ignored, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file holds, and what is noticed about it; nothing was stored."""

    certificates: tuple[Certificate, ...]
    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...]


def inspect(data: bytes, endpoint: str, now: datetime, password: str | None = None) -> Inspection:
    """
    Look at a file before it is imported; names are judged when *endpoint* is not empty.

    *password* opens a PKCS#12 or Java truststore that needs one.

    Raises:
        CertificateError: *data* cannot be used as certificates.
        InvalidField: *endpoint* is not a URL.
    """
    upload = parsing.parse(data, password)
    reference = parse_endpoint(endpoint).origin.reference if endpoint else None
    findings = tuple(f for certificate in upload.certificates for f in examine(certificate, reference, now))
    return Inspection(upload.certificates, findings, upload.ignored)


def import_certificate(
    store: Store, who: Principal, alias: str, endpoint: str, data: bytes, now: datetime, password: str | None = None
) -> Import:
    """
    Trust the certificates in *data* for the origin of *endpoint*.

    Raises:
        InvalidField: The alias cannot be used, or *endpoint* is not an endpoint of any API.
        EndpointNeedsNoCertificate: It is an http endpoint.
        CertificateError: *data* cannot be used as certificates.
        CertificateExpired: All that it holds has expired.
        IndistinguishableCertificates: A gateway would believe only one of them and of those imported before.
        Conflict: The alias is taken.
    """
    alias = check_alias(alias)
    target = parse_endpoint(endpoint)
    upload = read_upload(data, now, password)  # before the lock: some files are work
    with store.write() as session:
        entry = add_certificate(session, who, alias, target, upload, now)
    return Import(entry, upload.ignored)


def add_certificate(
    session: Session, who: Principal, alias: str, target: Endpoint, upload: Upload, now: datetime
) -> EndpointCertificate:
    """Trust what was read and checked for the origin of *target*, in the caller's transaction; raises as above."""
    _refuse_foreign_endpoint(session, who, target)
    if endpoint_certificates.get(session, who.organization, alias):
        raise Conflict("alias", f"The alias {alias} exists already. Choose another, or replace its certificate.")
    entry = EndpointCertificate(
        id=str(uuid.uuid4()),
        organization=who.organization,
        alias=alias,
        endpoint=target.url,
        origin=str(target.origin),
        certificates=upload.certificates,
        created_at=now,
        updated_at=now,
    )
    _refuse_indistinguishable(session, entry)
    endpoint_certificates.insert(session, entry)
    _written(session, who, "import certificate", entry, now)
    return entry


def replace_certificate(
    store: Store,
    who: Principal,
    alias: str,
    data: bytes,
    now: datetime,
    password: str | None = None,
    expected: Expected = None,
) -> Import:
    """
    Trust the certificates in *data* instead of those under *alias*; the endpoint stays.

    Raises:
        NotFound: There is no such alias.
        CertificateError: *data* cannot be used as certificates.
        CertificateExpired: All that it holds has expired.
        IndistinguishableCertificates: A gateway would believe only one of them and of those imported before.
        ContentChanged: What is under *alias* is not as *expected*.
    """
    upload = read_upload(data, now, password)
    with store.write() as session:
        before = _found(session, who, alias)
        check_expected(expected, tag_of_certificate(before))
        after = replace(before, certificates=upload.certificates, updated_at=now)
        _refuse_indistinguishable(session, after)
        endpoint_certificates.update(session, after)
        _written(session, who, "replace certificate", after, now)
    return Import(after, upload.ignored)


def delete_certificate(
    store: Store, who: Principal, alias: str, now: datetime, expected: Expected = None
) -> EndpointCertificate:
    """End the trust in the certificates under *alias* and say what they were. Raises NotFound, ContentChanged."""
    with store.write() as session:
        entry = _found(session, who, alias)
        check_expected(expected, tag_of_certificate(entry))
        endpoint_certificates.remove(session, entry)
        _written(session, who, "delete certificate", entry, now)
    return entry


def get_certificate(store: Store, who: Principal, alias: str) -> EndpointCertificate:
    """Find an endpoint certificate. Raises NotFound."""
    with store.read() as session:
        return _found(session, who, alias)


def list_certificates(
    store: Store, who: Principal, alias: str = "", endpoint: str = "", offset: int = 0, limit: int | None = None
) -> tuple[list[EndpointCertificate], int]:
    """List endpoint certificates by alias, with the number of all that fit the filters."""
    with store.read() as session:
        return endpoint_certificates.find(session, who.organization, alias, endpoint, offset, limit)


def certificates_of_api(store: Store, who: Principal, api: Api) -> list[EndpointCertificate]:
    """All that the endpoints of *api* trust beyond nothing, by alias."""
    origins = {str(endpoint.origin) for endpoint in api.endpoints}
    with store.read() as session:
        return endpoint_certificates.of_origins(session, who.organization, origins)


def apis_using(store: Store, who: Principal, entry: EndpointCertificate) -> list[Api]:
    """Find the APIs with an endpoint of the entry's origin."""
    with store.read() as session:
        return apis.using_origins(session, who.organization, {entry.origin})


def examine_entry(entry: EndpointCertificate, now: datetime) -> list[Finding]:
    """Judge all certificates of *entry* for its endpoint."""
    reference = parse_endpoint(entry.endpoint).origin.reference
    return [finding for certificate in entry.certificates for finding in examine(certificate, reference, now)]


def entry_status(certificates: Sequence[Certificate], now: datetime) -> Status:
    """The status of several certificates: of the one that works longest, as each is an anchor of its own."""
    order = [Status.ACTIVE, Status.EXPIRING, Status.NOT_YET_VALID, Status.EXPIRED]
    return min((status_of(certificate, now) for certificate in certificates), key=order.index)


def read_upload(data: bytes, now: datetime, password: str | None = None) -> Upload:
    """Read a file of certificates. Raises CertificateError, CertificateExpired when all of them have expired."""
    upload = parsing.parse(data, password)
    if all(status_of(certificate, now) is Status.EXPIRED for certificate in upload.certificates):
        raise CertificateExpired(max(certificate.not_after for certificate in upload.certificates))
    return upload


def _refuse_foreign_endpoint(session: Session, who: Principal, target: Endpoint) -> None:
    if not apis.using_origins(session, who.organization, {str(target.origin)}):
        message = f"No API has an endpoint at {target.origin}. Save the endpoint of the API first, then import."
        raise InvalidField("endpoint", message)
    if not target.origin.is_secure:
        raise EndpointNeedsNoCertificate(target.url)


def _refuse_indistinguishable(session: Session, entry: EndpointCertificate) -> None:
    beside = endpoint_certificates.of_origins(session, entry.organization, [entry.origin])
    aliases = {c.fingerprint: other.alias for other in beside if other.id != entry.id for c in other.certificates}
    others = [c for other in beside if other.id != entry.id for c in other.certificates]
    own = {certificate.fingerprint for certificate in entry.certificates}
    for pair in indistinguishable([*entry.certificates, *others]):
        if any(certificate.fingerprint in own for certificate in pair):
            alias = next((aliases[c.fingerprint] for c in pair if c.fingerprint not in own), "")
            raise IndistinguishableCertificates(pair[0].subject, alias)


def _found(session: Session, who: Principal, alias: str) -> EndpointCertificate:
    entry = endpoint_certificates.get(session, who.organization, alias)
    if entry is None:
        raise NotFound("endpoint certificate", alias)
    return entry


def _written(session: Session, who: Principal, action: str, entry: EndpointCertificate, now: datetime) -> None:
    prints = " ".join(certificate.fingerprint for certificate in entry.certificates)
    event = AuditEvent(who.organization, now, who.user, action, entry.alias, f"{entry.endpoint} SHA-256 {prints}")
    journal.record(session, event)
    journal.announce(session, who.organization, "origin", entry.origin, now)
