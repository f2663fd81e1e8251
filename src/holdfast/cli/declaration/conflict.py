"""
Explains conflicts: changes that others made after the plan, which the publisher refuses to overwrite.
"""

from collections.abc import Iterator
from typing import Any

from holdfast.cli.declaration.certificate_summary import SHORT, CertificateSummary
from holdfast.cli.declaration.current_state import read_certificate, read_details, read_trust
from holdfast.cli.declaration.plan import DEFAULTS
from holdfast.cli.declaration.steps import ApiStep, CertificateStep, Step, TrustStep
from holdfast.cli.declaration.wording import show_text, show_value
from holdfast.cli.failures import CommandFailed, RequestRefused
from holdfast.cli.requests.client import Client

CONFLICT_STATUSES = {404, 412}  # Not Found, Precondition Failed
_REMEDY = "Run `holdfast diff` again, then apply. Their change was not overwritten."
_API_FIELDS = (
    "context",
    "description",
    "state",
    "production",
    "sandbox",
    "production_connection",
    "sandbox_connection",
    "requires_certificate",
    "environments",
    "further",
)


def explain_conflict(client: Client, step: Step, error: RequestRefused) -> CommandFailed:
    """Describe the conflicting changes to the object of *step*; return *error* itself if it isn't a conflict."""
    if step.existing is None or error.status not in CONFLICT_STATUSES:
        return error
    try:
        changes = list(_list_changes(client, step))
    except CommandFailed as again:
        if not isinstance(again, RequestRefused) or again.status not in CONFLICT_STATUSES:
            return error
        return CommandFailed(f"Someone else deleted it after the plan was made. {_REMEDY}")
    lines = "".join(f"\n  {change}" for change in changes or ["a setting that files don't contain"])
    return CommandFailed(f"Someone else changed it after the plan was made:{lines}\n{_REMEDY}")


def _list_changes(client: Client, step: Step) -> Iterator[str]:
    match step:
        case ApiStep(existing=before) if before:
            api = read_details(client, before.id)
            for name in _API_FIELDS:
                yield from _describe_change(name.replace("_", " "), getattr(before, name), getattr(api, name))
        case CertificateStep(existing=entry) if entry:
            current = read_certificate(client, entry.alias)
            yield from _describe_change("endpoint", entry.endpoint, current.endpoint)
            yield from _describe_change(
                "certificates", _name_certificates(entry.current), _name_certificates(current.current)
            )
            yield from _describe_change(
                "previous certificates", _name_certificates(entry.previous), _name_certificates(current.previous)
            )
        case TrustStep(existing=trust) if trust:
            now = read_trust(client, step.name)
            words, after = _describe_settings(trust.settings), _describe_settings(now.settings if now else {})
            for name, value in words.items():
                yield from _describe_change(name, value, after[name])


def _describe_change(name: str, before: Any, after: Any) -> Iterator[str]:
    if before != after:
        yield f"{name}: {show_value(before)} -> {show_value(after)}"


def _describe_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Describe CRLs and exceptions of trust settings; other settings are plain values."""
    crls = [f"{show_text(crl['issuer'])}, SHA-256 {crl['fingerprint'][:SHORT]}..." for crl in settings.get("crls", [])]
    exception = settings.get("exception")
    off = f"verification is off until {exception['until']}: {show_text(exception['reason'])}" if exception else None
    return {name: settings.get(name) for name in DEFAULTS} | {"crls": crls, "exception": off}


def _name_certificates(certificates: tuple[CertificateSummary, ...]) -> str:
    return "; ".join(map(str, certificates))
