"""
Trust settings of an endpoint's origin (anchors, names, pins, CRLs, TLS versions), and exceptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.apis.errors import InvalidField, InvalidFields, UnreadableData
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.trust.trust_draft import TrustDraft, check_draft
from holdfast.apis.trust.trust_settings import TrustException, TrustSettings, build_trust_set, check_exception
from holdfast.certificates.effect import describe_effect
from holdfast.certificates.findings.examination import Finding, Severity, judge_revocation
from holdfast.certificates.revocation import RevocationList
from holdfast.certificates.trust import TrustSet
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.audit_endpoints import write_flag
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.trust.endpoints import refuse_foreign, secure_endpoint
from holdfast.services.versions import Expected, check_expected, make_settings_tag
from holdfast.store.access import accounts
from holdfast.store.audit import Action, ChangedSetting, ChangedSettings, Details, ExceptionEnd, ExceptionGrant
from holdfast.store.database import Store
from holdfast.store.journal import ChangeKind
from holdfast.store.trust import endpoint_certificates, trust_settings

log = structlog.get_logger()
# Gateways drop a cluster without verification when its exception expires. By then, they have the one that replaces it;
# otherwise, they reject the requests in between.
IN_ADVANCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class EndpointTrust:
    """
    The trust settings of an endpoint's origin, and the trust set that follows from them and its certificates.

    *findings* are about its CRLs and about certificates without one. *problem* says why gateways trust nothing: a
    stored certificate, which *trust* lacks, or the settings, whose defaults it has, can't be read.
    """

    settings: TrustSettings
    trust: TrustSet
    findings: tuple[Finding, ...] = ()
    problem: str = ""

    @property
    def effect(self) -> tuple[str, ...]:
        """The checks that gateways make, in plain words."""
        return (self.problem,) if self.problem else describe_effect(self.trust)


def get_settings(context: Context, endpoint: str, *, unused: bool = False) -> EndpointTrust:
    """
    Return the trust settings of the origin of *endpoint*.

    With *unused*, settings that are left for an origin that no API has are returned, too. Raises InvalidField,
    EndpointNeedsNoCertificate.
    """
    context.user.require(Permission.VIEW_APIS)
    target = secure_endpoint(endpoint)
    with context.read() as session:
        if not unused or not trust_settings.list_by_origin(session, context.user.organization, [str(target.origin)]):
            refuse_foreign(session, context, target)
        return _build_trust(session, _find_settings(session, context, target), target, context.now)


def change_settings(context: Context, endpoint: str, draft: TrustDraft, expected: Expected = None) -> EndpointTrust:
    """
    Change the trust settings of the origin of *endpoint*; an exception stays as it is.

    Raises:
        InvalidFields: Some values are invalid.
        InvalidField: *endpoint* isn't an endpoint of any API.
        EndpointNeedsNoCertificate: It is an http endpoint.
        ContentChanged: The settings aren't as *expected*.
    """
    context.user.require(Permission.CHANGE_TRUST_SETTINGS)
    target = secure_endpoint(endpoint)
    new_settings = check_draft(draft)
    with context.write() as session:
        refuse_foreign(session, context, target)
        before = _find_settings(session, context, target)
        check_expected(expected, make_settings_tag(before))
        after = _apply_draft(before, new_settings, draft)
        trust = _build_trust(session, after, target, context.now)
        _refuse_rejecting(before, trust)
        trust_settings.save(session, after)
        _record(session, context, Action.CHANGE_TRUST_SETTINGS, after, compare_settings(before, after))
        return trust


def preview_settings(context: Context, endpoint: str, draft: TrustDraft) -> EndpointTrust:
    """Return the trust that *draft* would give the origin of *endpoint*; save nothing. Raises as `change_settings`."""
    context.user.require(Permission.VIEW_APIS)
    target = secure_endpoint(endpoint)
    new_settings = check_draft(draft)
    with context.read() as session:
        refuse_foreign(session, context, target)
        before = _find_settings(session, context, target)
        trust = _build_trust(session, _apply_draft(before, new_settings, draft), target, context.now)
    _refuse_rejecting(before, trust)
    return trust


def grant_exception(context: Context, endpoint: str, reason: str, ends_at: datetime) -> EndpointTrust:
    """
    Turn off verification for the origin of *endpoint* until *ends_at* (aware), at most 7 days from now.

    Raises:
        InvalidField: The reason is empty, the expiry isn't within 7 days, or *endpoint* isn't an endpoint of any API.
        EndpointNeedsNoCertificate: It is an http endpoint.
        UnreadableData: The other settings of the origin can't be read.
    """
    context.user.require(Permission.GRANT_TRUST_EXCEPTIONS)
    target = secure_endpoint(endpoint)
    exception = check_exception(reason, context.user.name, ends_at, context.now)
    with context.write() as session:
        refuse_foreign(session, context, target)
        before = _find_settings(session, context, target)
        before.require_readable()
        after = replace(before, exception=exception)
        trust_settings.save(session, after)
        earlier = before.exception.ends_at if before.exception else None
        _record(session, context, Action.GRANT_EXCEPTION, after, ExceptionGrant(ends_at, exception.reason, earlier))
        return _build_trust(session, after, target, context.now)


def end_exception(context: Context, endpoint: str) -> EndpointTrust:
    """Turn verification back on before the exception expires; do nothing if it is on."""
    context.user.require(Permission.CHANGE_TRUST_SETTINGS)
    target = secure_endpoint(endpoint)
    with context.write() as session:
        before = _find_settings(session, context, target)
        after = replace(before, exception=None)
        if before.exception:
            trust_settings.clear_exception(session, before)
            _record(session, context, Action.END_EXCEPTION, after, _describe_end(before.exception, expired=False))
        return _build_trust(session, after, target, context.now)


def list_exceptions(context: Context) -> list[TrustSettings]:
    """Return the trust settings with an exception, the first to expire first."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return trust_settings.list_with_exception(session, context.user.organization, context.now)


def end_exceptions(store: Store, now: datetime) -> datetime | None:
    """End the exceptions of all organizations that expire within IN_ADVANCE; return when the next ones are due."""
    due = now + IN_ADVANCE
    with store.read() as session:
        following = trust_settings.get_next_end(session)
    if following is None or following > due:
        return following and following - IN_ADVANCE
    with store.write() as session:
        for organization in accounts.list_organizations(session):
            for settings in trust_settings.list_with_ended_exception(session, organization, due):
                trust_settings.clear_exception(session, settings)
                context = Context(store, Principal(organization, SYSTEM), now)
                _record(
                    session, context, Action.END_EXCEPTION, settings, _describe_end(settings.exception, expired=True)
                )
                log.warning("trust exception ended", organization=organization, origin=settings.origin)
        following = trust_settings.get_next_end(session)
    return following and following - IN_ADVANCE


def _find_settings(session: Session, context: Context, target: Endpoint) -> TrustSettings:
    origin = str(target.origin)
    settings = trust_settings.list_by_origin(session, context.user.organization, [origin])
    return settings.get(origin) or TrustSettings(context.user.organization, origin)


def _apply_draft(before: TrustSettings, settings: TrustSettings, draft: TrustDraft) -> TrustSettings:
    return replace(
        settings,
        organization=before.organization,
        origin=before.origin,
        revocation=before.revocation if draft.revocation is None else settings.revocation,
        exception=before.exception,
    )


def _build_trust(session: Session, settings: TrustSettings, target: Endpoint, now: datetime) -> EndpointTrust:
    entries = endpoint_certificates.list_of_origins(session, settings.organization, [settings.origin])
    certificates = [certificate for entry in entries for certificate in entry.readable]
    trust = build_trust_set(settings.readable, certificates, target.origin.reference, now)
    return EndpointTrust(settings, trust, tuple(judge_revocation(trust, now)), _find_problem(settings, entries))


def _find_problem(settings: TrustSettings, entries: Sequence[EndpointCertificate]) -> str:
    """Return what can't be read; empty if there is nothing."""
    try:
        settings.require_readable()
        for entry in entries:
            entry.require_readable()
    except UnreadableData as error:
        return str(error)
    return ""


def _refuse_rejecting(before: TrustSettings, trust: EndpointTrust) -> None:
    """Raise InvalidFields if the gateway would reject every certificate because of a new CRL."""
    fingerprints = {crl.fingerprint for crl in before.revocation}
    errors = [
        finding
        for finding in trust.findings
        if finding.severity is Severity.ERROR and finding.fingerprint not in fingerprints
    ]
    if errors:
        raise InvalidFields([InvalidField("crls", f"{error.message} {error.remedy}") for error in errors])


def compare_settings(before: TrustSettings, after: TrustSettings) -> ChangedSettings:
    """Return the settings that differ, with their values as text, for the audit log."""
    changes = (
        ChangedSetting(field.name.replace("_", " "), _list_values(field.name, old), _list_values(field.name, new))
        for field in fields(TrustSettings)
        if (old := getattr(before, field.name)) != (new := getattr(after, field.name))
    )
    return ChangedSettings(tuple(changes))


def _describe_end(exception: TrustException | None, *, expired: bool) -> ExceptionEnd:
    return ExceptionEnd(expired, exception.ends_at, exception.reason) if exception else ExceptionEnd(expired)


def _list_values(name: str, value: object) -> tuple[str, ...]:
    if name == "sni":
        return ("host" if value is None else str(value) or "none",)
    if isinstance(value, tuple):
        return tuple(f"CRL {item.fingerprint}" if isinstance(item, RevocationList) else str(item) for item in value)
    if isinstance(value, bool):
        return (write_flag(is_set=value),)
    return () if value in {None, ""} else (str(value),)


def _record(session: Session, context: Context, action: Action, settings: TrustSettings, details: Details) -> None:
    change: tuple[ChangeKind, str] = ("origin", settings.origin)
    write_down(session, context.user, context.now, action, settings.origin, details, change=change)
