"""
Caller certificates of an API: list, add, replace and delete them. Gateways accept exactly these, not what they issued.
"""

import uuid
from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.catalog.members import check_members
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import (
    MAX_CALLERS,
    CallerCertificate,
    check_environments,
    check_tier,
    require_certificate,
)
from holdfast.apis.trust.endpoint_certificate import check_alias
from holdfast.apis.wso2_wording import ALREADY_EXISTS
from holdfast.certificates.certificate import Certificate
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_full_api
from holdfast.services.catalog.change_records import name_subject
from holdfast.services.catalog.saving import save_full_api
from holdfast.services.errors import AlreadyExists, MutualTlsMissing, NotFound, TooManyCallers
from holdfast.services.trust.admission import refuse_expired
from holdfast.services.trust.uploads import open_upload
from holdfast.services.versions import Expected, check_expected, make_caller_tag
from holdfast.store.audit import Action, CallerCertificateOf
from holdfast.store.catalog import apis
from holdfast.store.identities import caller_certificates


def list_certificates(
    context: Context,
    api_id: str,
    alias: str = "",
    offset: int = 0,
    limit: int | None = None,
    environment: Environment | None = None,
) -> tuple[list[CallerCertificate], int]:
    """Return a page of an API's caller certificates, and the number of all matches. Raises NotFound."""
    context.user.require(Permission.VIEW_CALLER_CERTIFICATES)
    with context.read() as session:
        _find_api(session, context, api_id)
        return caller_certificates.find(session, context.user.organization, api_id, alias, offset, limit, environment)


def get_certificate(
    context: Context, api_id: str, alias: str, environment: Environment | None = None
) -> CallerCertificate:
    """Return a caller certificate of an API, which *environment* accepts. Raises NotFound."""
    context.user.require(Permission.VIEW_CALLER_CERTIFICATES)
    with context.read() as session:
        _find_api(session, context, api_id)
        return _find_certificate(session, context, api_id, alias, environment)


def accept_certificate(
    context: Context,
    api_id: str,
    alias: str,
    tier: str,
    data: bytes,
    environment: Environment | None = None,
) -> CallerCertificate:
    """
    Accept the certificate in *data* from callers of an API; from now on, the API requires a caller certificate.

    It is accepted in both environments, or only in *environment*.

    Raises:
        NotFound: The API doesn't exist.
        MutualTlsMissing: No gateway requests caller certificates.
        InvalidField: The alias or the tier is invalid, or the file isn't the certificate of one caller.
        CertificateError, CertificateExpired: *data* can't be used as a certificate.
        Conflict: The API already has this alias or this certificate.
        TooManyCallers: The API has reached the limit.
    """
    context.user.require(Permission.ADD_CALLER_CERTIFICATES)
    with context.read() as session:
        _find_api(session, context, api_id)
    if not context.asks_callers:
        raise MutualTlsMissing
    alias, tier = check_alias(alias), check_tier(tier)
    certificate = read_caller(context, data)
    with context.write() as session:
        api = _find_api(session, context, api_id)
        entry = add_certificate(session, context, api, alias, tier, certificate, environment)
        _require(session, context, api_id)
    return entry


def add_certificate(
    session: Session,
    context: Context,
    api: Api,
    alias: str,
    tier: str,
    certificate: Certificate,
    environment: Environment | None = None,
) -> CallerCertificate:
    """Add a checked certificate to *api*, in the caller's transaction. Raises Conflict, TooManyCallers."""
    if caller_certificates.get(session, context.user.organization, api.id, alias):
        raise AlreadyExists(
            "alias", f"The alias {alias} {ALREADY_EXISTS}. Choose another one, or replace its certificate."
        )
    if caller_certificates.find(session, context.user.organization, api.id, limit=0)[1] >= MAX_CALLERS:
        raise TooManyCallers(MAX_CALLERS)
    entry = CallerCertificate(
        str(uuid.uuid4()),
        context.user.organization,
        api.id,
        alias,
        tier,
        certificate,
        context.now,
        context.now,
        environment,
    )
    _refuse_second(session, entry)
    caller_certificates.insert(session, entry)
    _record(
        session,
        context,
        Action.ACCEPT_CALLER,
        api,
        CallerCertificateOf(alias, certificate.fingerprint, tier=tier, environment=environment or ""),
    )
    return entry


def replace_certificate(
    context: Context,
    api_id: str,
    alias: str,
    data: bytes | None,
    tier: str | None,
    expected: Expected = None,
    environment: Environment | None = None,
    accepted_in: str | None = None,
) -> CallerCertificate:
    """
    Replace the certificate under *alias* with the one in *data*, and change its *tier*; None keeps a value.

    *environment* is where it must be accepted now, and *accepted_in* where it will be: production, sandbox or both.

    Raises:
        NotFound: The API or the alias doesn't exist.
        InvalidField: The tier is invalid, or the file isn't the certificate of one caller.
        CertificateError, CertificateExpired: *data* can't be used as a certificate.
        Conflict: The API has this certificate under another alias.
        ContentChanged: The entry isn't as *expected*.
    """
    context.user.require(Permission.CHANGE_CALLER_CERTIFICATES)
    with context.read() as session:
        _find_certificate(session, context, _find_api(session, context, api_id).id, alias, environment)
    certificate = None if data is None else read_caller(context, data)
    new_tier = None if tier is None else check_tier(tier)
    new_environment = None if accepted_in is None else check_environments(accepted_in)
    with context.write() as session:
        api = _find_api(session, context, api_id)
        before = _find_certificate(session, context, api_id, alias, environment)
        check_expected(expected, make_caller_tag(before))
        after = replace(
            before,
            certificate=certificate or before.certificate,
            tier=before.tier if new_tier is None else new_tier,
            environment=before.environment if accepted_in is None else new_environment,
            updated_at=context.now,
        )
        _refuse_second(session, after)
        caller_certificates.update(session, after)
        fingerprint_before = before.certificate.fingerprint if after.certificate != before.certificate else ""
        tier_before = before.tier if after.tier != before.tier else ""
        details = CallerCertificateOf(
            alias, after.certificate.fingerprint, fingerprint_before, after.tier, tier_before, after.environment or ""
        )
        _record(session, context, Action.REPLACE_CALLER, api, details)
    return after


def delete_certificate(
    context: Context, api_id: str, alias: str, expected: Expected = None, environment: Environment | None = None
) -> None:
    """
    Stop accepting the certificate under *alias*; once the last one is deleted, nobody can call the API.

    Raises NotFound, and ContentChanged if the entry isn't as *expected*.
    """
    context.user.require(Permission.CHANGE_CALLER_CERTIFICATES)
    with context.write() as session:
        api = _find_api(session, context, api_id)
        entry = _find_certificate(session, context, api_id, alias, environment)
        check_expected(expected, make_caller_tag(entry))
        caller_certificates.remove(session, entry)
        details = CallerCertificateOf(alias, entry.certificate.fingerprint, tier=entry.tier)
        _record(session, context, Action.DELETE_CALLER, api, details)


def read_caller(context: Context, data: bytes) -> Certificate:
    """Read the certificate of one caller. Raises InvalidField, CertificateError, CertificateExpired."""
    certificates = open_upload(context, data).certificates
    refuse_expired(certificates, context.now)
    if len(certificates) > 1:
        message = (
            f"The file contains {len(certificates)} certificates, but an alias can have only one. Upload only the "
            "caller's own certificate; its issuers aren't checked."
        )
        raise InvalidField("certificate", message)
    (certificate,) = certificates
    usage = certificate.extensions.key_usage
    if (certificate.is_ca and not certificate.is_self_issued) or (usage and usage.key_cert_sign):
        message = (
            f"{certificate.subject} is a CA, but certificates that it issued would not be accepted. Upload the "
            "callers' own certificates."
        )
        raise InvalidField("certificate", message)
    return certificate


def _find_api(session: Session, context: Context, api_id: str) -> Api:
    api = apis.get(session, context.user.organization, api_id)
    if api is None:
        raise NotFound("API", api_id)
    return api


def _find_certificate(
    session: Session, context: Context, api_id: str, alias: str, environment: Environment | None = None
) -> CallerCertificate:
    entry = caller_certificates.get(session, context.user.organization, api_id, alias)
    if entry is None or (environment and entry.environment not in {None, environment}):
        raise NotFound("client certificate", alias)
    return entry


def _refuse_second(session: Session, entry: CallerCertificate) -> None:
    # Deleting one of two aliases must not leave the certificate accepted.
    fingerprint = entry.certificate.fingerprint
    other = caller_certificates.get_alias(session, entry.organization, entry.api_id, fingerprint)
    if other not in {None, entry.alias}:
        raise AlreadyExists(
            "certificate", f"This certificate {ALREADY_EXISTS} under the alias {other}. Replace that one."
        )


def _require(session: Session, context: Context, api_id: str) -> None:
    """Make the API require caller certificates, so that an upload always protects it."""
    before = find_full_api(session, context, api_id)
    if not before.api.requires_certificate:
        members = check_members(require_certificate(before.members))
        after = FullApi(replace(before.api, updated_at=context.now), members)
        save_full_api(session, context, before, after)


def _record(session: Session, context: Context, action: Action, api: Api, details: CallerCertificateOf) -> None:
    subject = name_subject(api)
    write_down(session, context.user, context.now, action, subject, details, change=("api", api.id))
