"""
Endpoint certificates: import, replace and delete them. Each is trusted for one origin only.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate, Removal, check_alias
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.examination import Finding
from holdfast.certificates.formats.parsing import SkippedPart, Upload, UsedCertificate
from holdfast.certificates.validity import HasValidity, Status, get_status
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.trust import admission, removal
from holdfast.services.trust.endpoints import find_unused, refuse_insecure, refuse_too_many_unused
from holdfast.services.trust.examination import examine
from holdfast.services.trust.pinning import pin_entry
from holdfast.services.trust.uploads import open_upload
from holdfast.services.versions import Expected, check_expected, make_certificate_tag
from holdfast.store.audit import Action
from holdfast.store.catalog import apis
from holdfast.store.trust import endpoint_certificates


@dataclass(frozen=True, slots=True)
class Import:
    """
    The result of an upload: the entry as stored, findings about the file, and which parts were ignored and used.
    """

    entry: EndpointCertificate
    findings: tuple[Finding, ...]
    ignored_parts: tuple[SkippedPart, ...]
    used_parts: tuple[UsedCertificate, ...]


def import_certificate(
    context: Context, alias: str, endpoint: str, data: bytes, password: str | None = None, *, pin: bool = False
) -> Import:
    """
    Trust the certificates in *data* for the origin of *endpoint*, even before an API has an endpoint there.

    With *pin*, certificates that gateways would reject for their names are pinned.

    Raises:
        InvalidField: The alias or the URL is invalid.
        EndpointNeedsNoCertificate: It is an http endpoint.
        CertificateError: *data* can't be read as certificates.
        CertificateExpired: All its certificates have expired.
        IndistinguishableCertificates: A gateway couldn't accept all of them together with those imported before.
        Conflict: The alias is taken, or too many certificates are for endpoints that no API has.
    """
    context.user.require(Permission.ADD_ENDPOINT_CERTIFICATES)
    alias = check_alias(alias)
    target = parse_endpoint(endpoint)
    upload = read_upload(context, data, password)  # before the write transaction, because it can take long
    with context.write() as session:
        entry = add_certificate(session, context, alias, target, upload)
        if pin:
            pin_entry(session, context, entry)
        return _describe_import(session, context, entry, upload)


def add_certificate(
    session: Session, context: Context, alias: str, target: Endpoint, upload: Upload
) -> EndpointCertificate:
    """Trust *upload* for the origin of *target*, in the caller's transaction. Raises as `import_certificate`."""
    refuse_insecure(target)
    refuse_too_many_unused(session, context, target)
    admission.refuse_taken_alias(session, context, alias, "Choose another one, or replace its certificate.")
    entry = admission.build_entry(context, alias, target, upload.certificates)
    admission.refuse_indistinguishable(session, entry)
    endpoint_certificates.insert(session, entry)
    admission.record_change(session, context, Action.IMPORT_CERTIFICATE, entry)
    return entry


def replace_certificate(
    context: Context,
    alias: str,
    data: bytes,
    password: str | None = None,
    expected: Expected = None,
    *,
    keep: bool = False,
    pin: bool = False,
) -> Import:
    """
    Trust the certificates in *data* instead of those under *alias*; the endpoint stays.

    With *keep*, the old ones stay trusted as previous certificates until they are retired; earlier previous ones are
    no longer trusted. Uploading the same certificates again doesn't change which ones are previous.

    Raises:
        NotFound: The alias doesn't exist.
        CertificateError: *data* can't be read as certificates.
        CertificateExpired: All its certificates have expired.
        IndistinguishableCertificates: A gateway couldn't accept all of them together with those imported before.
        ContentChanged: The entry isn't as *expected*.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    upload = read_upload(context, data, password)
    with context.write() as session:
        before = admission.find_certificate(session, context, alias)
        check_expected(expected, make_certificate_tag(before))
        after = before.replace_certificates(upload.certificates, context.now, keep=keep)
        admission.refuse_indistinguishable(session, after)
        save_replacement(session, context, before, after, keep=keep)
        if pin:
            pin_entry(session, context, after)
        return _describe_import(session, context, after, upload)


def _describe_import(session: Session, context: Context, entry: EndpointCertificate, upload: Upload) -> Import:
    """Return *entry*, which trusts *upload* now, with findings about the whole file, including what it repeats."""
    certificates = [*upload.certificates, *upload.repeated]
    origin = parse_endpoint(entry.origin).origin
    findings = examine(session, context.user.organization, origin, entry.alias, certificates, context.now)
    findings += find_unused(session, entry)
    return Import(entry, tuple(findings), upload.ignored, upload.used)


def save_replacement(
    session: Session, context: Context, before: EndpointCertificate, after: EndpointCertificate, *, keep: bool
) -> None:
    """Save that *after* replaces *before*, which can be restored, in the caller's transaction."""
    _keep_replaced(session, context, before, after)
    endpoint_certificates.update(session, after)
    removals = [
        certificate
        for certificate in before.readable
        if certificate.fingerprint not in _list_fingerprints(after.trusted)
    ]
    action = Action.REPLACE_WITH_OVERLAP if keep else Action.REPLACE_CERTIFICATE
    admission.record_change(session, context, action, after, removals)


def delete_certificate(context: Context, alias: str, expected: Expected = None) -> EndpointCertificate:
    """
    Stop trusting the certificates under *alias*; return the deleted entry, which can be restored.

    Raises NotFound, and ContentChanged if the entry isn't as *expected*.
    """
    context.user.require(Permission.CHANGE_ENDPOINT_CERTIFICATES)
    with context.write() as session:
        entry = admission.find_certificate(session, context, alias)
        check_expected(expected, make_certificate_tag(entry))
        removal.delete_entries(session, context, [entry])
    return entry


def get_certificate(context: Context, alias: str) -> EndpointCertificate:
    """Find an endpoint certificate. Raises NotFound."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        return admission.find_certificate(session, context, alias)


def list_certificates(
    context: Context,
    alias: str = "",
    endpoint: str = "",
    offset: int = 0,
    limit: int | None = None,
    *,
    label: str = "",
    unused: bool = False,
) -> tuple[list[EndpointCertificate], int]:
    """Return a page of the endpoint certificates that match, by alias, and the number of all matches."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        return endpoint_certificates.find(
            session, context.user.organization, alias, endpoint, offset, limit, label=label, unused=unused
        )


def list_certificates_of_api(context: Context, api: Api) -> list[EndpointCertificate]:
    """Return the endpoint certificates for the origins of the API's working copy, ordered by alias."""
    return list_certificates_of_origins(context, {str(endpoint.origin) for endpoint in api.endpoints})


def list_certificates_of_origins(context: Context, origins: Collection[str]) -> list[EndpointCertificate]:
    """Return the endpoint certificates for *origins*, ordered by alias."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        return endpoint_certificates.list_of_origins(session, context.user.organization, origins)


def list_apis_using_alias(context: Context, alias: str) -> list[Api]:
    """Return the APIs with an endpoint at the origin of *alias*; none if there is no such alias, as in WSO2."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        entry = endpoint_certificates.get(session, context.user.organization, alias)
    return list_apis_using(context, entry) if entry else []


def list_apis_using(context: Context, entry: EndpointCertificate) -> list[Api]:
    """Return the APIs with an endpoint at the entry's origin."""
    context.user.require(Permission.VIEW_ENDPOINT_CERTIFICATES)
    with context.read() as session:
        return apis.list_using_origins(session, context.user.organization, {entry.origin})


def judge_entry(certificates: Sequence[HasValidity], now: datetime) -> Status:
    """
    Return the status of several certificates: the best one, because each is a trust anchor on its own.

    Without any, it is UNREADABLE.
    """
    order = [Status.ACTIVE, Status.EXPIRING, Status.NOT_YET_VALID, Status.EXPIRED]
    return min(
        (get_status(certificate, now) for certificate in certificates), key=order.index, default=Status.UNREADABLE
    )


def read_upload(context: Context, data: bytes, password: str | None = None) -> Upload:
    """Read a file of certificates. Raises CertificateError, CertificateExpired if all of them have expired."""
    upload = open_upload(context, data, password)
    admission.refuse_expired(upload.certificates, context.now)
    return upload


def _keep_replaced(session: Session, context: Context, before: EndpointCertificate, after: EndpointCertificate) -> None:
    """
    Save *before* so that it can be restored.

    If its current certificates stay trusted, only its previous ones are saved.
    """
    if after.previous == before.previous and _list_fingerprints(after.certificates) == _list_fingerprints(
        before.certificates
    ):
        return
    if not after.previous:
        of = {"certificates": before.certificates, "previous": before.previous}
        removal.keep(session, context, before, Removal.REPLACED, **of)
    elif before.previous:
        removal.keep(session, context, before, Removal.REPLACED, certificates=before.previous)


def _list_fingerprints(certificates: Sequence[Certificate]) -> set[str]:
    return {certificate.fingerprint for certificate in certificates}
