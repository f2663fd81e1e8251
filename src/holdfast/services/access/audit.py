"""
The audit log: each event is written in the transaction of the change, as JSON and as text.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy.orm import Session
from structlog.contextvars import get_contextvars

from holdfast.services.access.audit_endpoints import describe_endpoint
from holdfast.services.access.principal import Principal
from holdfast.store import audit, audit_of_users, journal
from holdfast.store.audit import Action, Details, EndpointUse
from holdfast.store.journal import AuditEvent, ChangeKind

SYSTEM = "holdfast"  # the user of events that no user caused
NOTHING = audit.NoDetails()
_HTTP1_REASON = "the backend rejected HTTP/2 and answered over HTTP/1.1"


def write_down(
    session: Session,
    user: Principal,
    now: datetime,
    action: Action,
    subject: str,
    details: Details = NOTHING,
    *,
    change: tuple[ChangeKind, str] | None = None,
) -> None:
    """
    Write the audit event of what *user* did to *subject*, in the caller's transaction.

    With *change* (an API's id or an origin), the distributor rebuilds the affected APIs.
    """
    write_down_all(session, user, now, action, {subject: details}, [change] if change else ())


def write_down_all(
    session: Session,
    user: Principal,
    now: datetime,
    action: Action,
    details_by_subject: Mapping[str, Details],
    changes: Collection[tuple[ChangeKind, str]] = (),
) -> None:
    """Write the audit events of what *user* did to several subjects, as `write_down` does for one."""
    events = [
        AuditEvent(
            organization=user.organization,
            at=now,
            user=user.name,
            action=action,
            subject=subject,
            detail=_HTTP1_REASON if action is Action.SWITCH_TO_HTTP1 else describe_details(details),
            address=user.address,
            details=audit.to_json(details),
            request_id=get_contextvars().get("request_id"),  # under which the log has the request, too
        )
        for subject, details in details_by_subject.items()
    ]
    journal.record(session, *events)
    for change in changes:
        journal.announce(session, user.organization, *change, now)


def describe_details(details: Details) -> str:
    """Return *details* as text for readers of the audit log. Programs use the JSON: the text can change."""
    match details:
        case audit.NoDetails():
            return ""
        case audit.CertificatesOf():
            return _describe_certificates(details)
        case audit.UnusedTrustRemoval():
            return "no API uses it"
        case audit.CertificateRequest(endpoint, subject, key):
            return f"{endpoint} {subject} {key}"
        case audit.DiscardedRequest(endpoint):
            return endpoint
        case audit.CallerCertificateOf(alias, certificate, old, tier, tier_before):
            tiers = f", tier {tier_before} -> {tier}" if tier_before else ""
            return f"{alias} SHA-256 {certificate}{f', removed {old}' if old else ''}{tiers}"
        case audit.ChangedSettings(settings):
            changes = (
                f"{change.name}: {_join_values(change.before)} -> {_join_values(change.after)}" for change in settings
            )
            return "; ".join(changes) or "nothing changed"
        case audit.ExceptionGrant(until, reason, _):
            return f"verification is off until {_write_minute(until)}: {reason}"
        case audit.ExceptionEnd(is_expired, _, _):
            return "expired; verification is on" if is_expired else "ended early; verification is on"
        case audit.ApiEndpoints(endpoints):
            return f"endpoints {_join_endpoints(endpoints)}"
        case audit.ApiChange():
            return ", ".join(_describe_api_change(details)) or "nothing changed"
        case audit.StateChange(before_state, after_state):
            return f"{before_state} -> {after_state}"
        case audit.RevisionOf(revision, groups, instead_of, description):
            where = f", groups {', '.join(groups)}" if groups else ""
            before_that = f", instead of {', '.join(map(str, instead_of))}" if instead_of else ""
            return f"revision {revision}{where}{before_that}{f': {description}' if description else ''}"
        case audit.FailingEnvironment(environment):
            return environment
        case audit_of_users.UserRoles(roles, is_disabled, by_provider, _, _):
            provider = ", from the groups at the identity provider" if by_provider else ""
            return f"roles {_join_values(roles)}{', disabled' if is_disabled else ''}{provider}"
        case audit_of_users.NewOrganization(organization):
            return f"organization {organization}"
        case audit_of_users.FailedSignIn():
            return f"{details.way}: {details.reason}{_write_times(details)}"
        case audit_of_users.NewToken(scopes, until):
            return f"{' '.join(scopes)}, expires {_write_minute(until)}"
        case audit_of_users.TokenEnd(by_itself, _):
            return "signed in with this token" if by_itself else ""
        case audit_of_users.NewApplication(name, grants):
            return f"{name}: {' '.join(grants)}"
        case audit.CertificateFingerprint(certificate):
            return f"SHA-256 {certificate}" if certificate else "no certificate"
        case audit.NewJoinToken(group, until):
            return f"group {group}, join token expires {_write_minute(until)}"
        case audit.GatewayCertificateOf(certificate, until, before):
            return f"SHA-256 {certificate}, expires {_write_minute(until)}{f', before {before}' if before else ''}"
        case audit.ChannelOf(kind, target, changed_names, error):
            names = f", changed {' '.join(changed_names)}" if changed_names else ""
            return f"{kind} {target}{names}{f', failed: {error}' if error else ''}"
        case audit.SilenceOf(kind, about, reason, until):
            return f"{' '.join(filter(None, (kind, about)))} until {_write_minute(until)}: {reason}"
        case audit.BackupOf(with_sealing_key):
            return f"{'with' if with_sealing_key else 'without'} the sealing key"
        case audit.OwnersOf(owners_before, owners_after):
            return f"{_join_values(owners_before)} -> {_join_values(owners_after)}"


def _describe_api_change(details: audit.ApiChange) -> Iterator[str]:
    if details.before != details.after:
        yield f"endpoints {_join_endpoints(details.before)} -> {_join_endpoints(details.after)}"
    if details.requires_certificate is not None:
        yield f"callers need {'a' if details.requires_certificate else 'no'} certificate"
    if details.groups is not None:
        yield f"deployed to {', '.join(details.groups)}"
    if others := [*(["description"] if details.description else []), *details.members]:
        yield f"changed {' '.join(others)}"


def _describe_certificates(details: audit.CertificatesOf) -> str:
    text = f"{details.endpoint} SHA-256 {' '.join(details.certificates)}"
    if details.previous:
        text += f", previous {' '.join(details.previous)}"
    if details.removed:
        text += f", removed {' '.join(details.removed)}"
    return text


def _join_endpoints(endpoints: Sequence[EndpointUse]) -> str:
    return (
        " and ".join(dict.fromkeys(describe_endpoint(endpoint.url, endpoint.settings) for endpoint in endpoints))
        or "none"
    )


def _join_values(values: Sequence[str]) -> str:
    return " ".join(values) or "none"


def _write_minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _write_times(attempt: audit_of_users.FailedSignIn) -> str:
    several = ", from several addresses" if attempt.several else ""
    return f" ({attempt.count} times{several})" if attempt.count > 1 or several else ""
