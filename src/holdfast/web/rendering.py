"""
Templates -> answers.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.validity import Status, status_of
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.failures.failures import Failure
from holdfast.services.runtime import Runtime
from holdfast.services.trust import trust_settings
from holdfast.web.actions import find_button
from holdfast.web.commands import build_commands
from holdfast.web.static_files import get_static_url

# What a redirect may say it has done, by the word in its query.
NOTICES = {
    "api-created": "API created",
    "api-deleted": "API deleted",
    "api-deleted-unused": "API deleted. Its certificates are still trusted, but no API uses them.",
    "api-deleted-with-trust": "API and its certificates deleted",
    "unused-deleted": "Unused certificates deleted",
    "endpoints-saved": "Endpoints saved",
    "lifecycle-changed": "Lifecycle changed",
    "certificate-added": "Certificate added successfully",
    "certificate-replaced": "Certificate replaced successfully",
    "certificate-deleted": "Certificate Deleted Successfully",
    "certificate-undone": "Replacement undone",
    "certificate-retired": "Previous certificate retired",
    "certificate-restored": "Certificate restored",
    "trust-saved": "Trust settings saved",
    "exception-granted": "Verification switched off",
    "exception-ended": "Verification switched on",
    "client-certificate-imported": "Gateway identity imported",
    "client-certificate-removed": "Gateway identity removed",
    "client-request-made": "Request made: send it to your CA",
    "client-request-discarded": "Request discarded",
    "password-changed": "Password changed: all other sessions have ended",
    "session-ended": "Session ended",
    "token-revoked": "Token revoked",
    "user-created": "User created",
    "user-changed": "User changed",
    "user-password": "Password set: the user's sessions and tokens have ended",
    "user-deleted": "User deleted",
}
RESTORABLE = "Deleted certificates can be restored for 30 days; trust settings and gateway identities can't."
EXAMPLE_ENDPOINT = "https://backend.example:8443/base"
_STATUS_ICONS = {
    Status.ACTIVE: "circle-check",
    Status.EXPIRING: "clock-exclamation",
    Status.EXPIRED: "circle-x",
    Status.NOT_YET_VALID: "clock",
}


def wants_part(request: Request) -> bool:
    """Whether htmx asks, for a part of a page."""
    return request.headers.get("hx-request") == "true"


def render(
    request: Request, template: str, context: Context | None = None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Make an answer of *template*; *context* is missing where nobody has signed in."""
    text = _environment.get_template(template).render(
        request=request,
        user=context.user if context else None,
        notice=NOTICES.get(request.query_params.get("done", "")),
        # Asked only by what shows them: verification that is off is never out of sight.
        exceptions=lambda: trust_settings.list_exceptions(context) if context else [],
        server_warnings=lambda: _list_server_warnings(request.app.state.runtime, context) if context else [],
        **values,
    )
    # The same address answers whole pages and parts of them.
    return HTMLResponse(text, status, {"Vary": "HX-Request"})


def _list_server_warnings(runtime: Runtime, context: Context) -> list[str]:
    """Say what is wrong with Holdfast's own certificates, to those who can do something about it."""
    if context.user.organization != DEFAULT_ORGANIZATION or not context.user.may(Permission.MANAGE_USERS):
        return []
    warnings = (certificate.write_warning(context.now) for certificate in runtime.server_certificates(context.now))
    return [warning for warning in warnings if warning]


def _draw_icon(name: str) -> Markup:
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>').format(
        get_static_url("icons.svg"), name
    )


def _write_time(moment: datetime) -> Markup:
    utc = moment.astimezone(UTC)
    return Markup('<local-time datetime="{}">{}</local-time>').format(
        utc.isoformat(), utc.strftime("%Y-%m-%d %H:%M UTC")
    )


def _write_day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _write_precise_time(moment: datetime) -> Markup:
    utc = moment.astimezone(UTC)
    return Markup('<local-time datetime="{}" precise>{}</local-time>').format(
        utc.isoformat(), utc.strftime("%Y-%m-%d %H:%M:%S UTC")
    )


def _describe_rest(certificate: Certificate, now: datetime) -> str:
    days = (certificate.not_after - now).days
    if days < 0:
        return f"{-days - 1} days ago" if days < -2 else "less than 2 days ago"
    return "today" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"


def _group_digits(value: str) -> str:
    """Hex digits in pairs, as certificates are usually compared."""
    return ":".join(value[i : i + 2] for i in range(0, len(value), 2)).upper()


def _write_hex(number: int) -> str:
    text = f"{number:x}"
    return _group_digits(text if len(text) % 2 == 0 else f"0{text}")


def describe_sightings(failure: Failure) -> str:
    """Say how often a failure was seen, and when."""
    times = "once" if failure.count == 1 else f"{failure.count} times since {failure.since:%Y-%m-%d %H:%M:%S} UTC, last"
    return f"{failure.cause}: seen {times} at {failure.last:%H:%M:%S} UTC, request id {failure.request_id}."


def describe_difference(failure: Failure) -> str:
    """Say which field differs from what is expected; empty when that is not known."""
    probe = failure.latest.probe
    if probe is None or probe.difference is None:
        return ""
    difference = probe.difference
    expected, presented = group_fingerprints(difference.expected), group_fingerprints(difference.presented)
    return f"{difference.field}: expected {expected}, presented {presented}."


def group_fingerprints(text: str) -> str:
    """Write the SHA-256 fingerprints within *text* as other pages and openssl do: A1:B2:..."""
    return re.sub(r"\b[0-9a-f]{64}\b", lambda match: _group_digits(match[0]), text)


def _escape_segment(text: str) -> str:
    return quote(text, safe="")


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals |= {
    "icon": _draw_icon,
    "static": get_static_url,
    "status_of": status_of,
    "status_icons": _STATUS_ICONS,
    "example_endpoint": EXAMPLE_ENDPOINT,
    "restorable": RESTORABLE,
    "find_button": find_button,
    "as_commands": build_commands,
}
_environment.filters |= {
    "time": _write_time,
    "precise": _write_precise_time,
    "day": _write_day,
    "until": _describe_rest,
    "grouped": _group_digits,
    "hex": _write_hex,
    "segment": _escape_segment,
    "seen": describe_sightings,
    "difference": describe_difference,
    "with_grouped_fingerprints": group_fingerprints,
}
