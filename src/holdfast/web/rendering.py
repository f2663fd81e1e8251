"""
Templates and their filters.
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

from holdfast.apis import wso2_wording
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
from holdfast.web.notices import forget_notice, read_notice
from holdfast.web.static_files import get_static_url

RESTORABLE = "You can restore deleted certificates for 30 days, but not trust settings or gateway identities."
EXAMPLE_ENDPOINT = "https://backend.example:8443/base"
_FINGERPRINT = re.compile(r"\b([0-9a-f]{64})\b")  # SHA-256
_STATUS_ICONS = {
    Status.ACTIVE: "circle-check",
    Status.EXPIRING: "clock-exclamation",
    Status.EXPIRED: "circle-x",
    Status.NOT_YET_VALID: "clock",
}


def wants_part(request: Request) -> bool:
    """Return whether htmx requests a part of a page."""
    return request.headers.get("hx-request") == "true"


def render(
    request: Request, template: str, context: Context | None = None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Render *template* as a response; without a *context*, nobody has signed in."""
    notice = read_notice(request)
    text = _environment.get_template(template).render(
        request=request,
        user=context.user if context else None,
        notice=notice,
        # Functions, because only whole pages need the values.
        exceptions=lambda: trust_settings.list_exceptions(context) if context else [],
        server_warnings=lambda: _list_server_warnings(request.app.state.runtime, context) if context else [],
        **values,
    )
    # The same address answers with whole pages and with parts of them.
    response = HTMLResponse(text, status, {"Vary": "HX-Request"})
    if notice:
        forget_notice(response)
    return response


def _list_server_warnings(runtime: Runtime, context: Context) -> list[str]:
    """Return the problems with Holdfast's own certificates, for admins of the default organization."""
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
        return f"{-days - 1} day{'' if days == -2 else 's'} ago" if days < -1 else "today"
    return "today" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"


def _group_digits(value: str) -> str:
    """Write hex digits in pairs, the usual form of fingerprints."""
    return ":".join(value[i : i + 2] for i in range(0, len(value), 2)).upper()


def _write_hex(number: int) -> Markup:
    text = f"{number:x}"
    return _write_digits(text if len(text) % 2 == 0 else f"0{text}")


def _write_digits(value: str) -> Markup:
    """Write hex digits in pairs; lines break only between pairs."""
    return Markup(":<wbr>").join(_group_digits(value).split(":"))


def mark_up_fingerprints(text: str) -> Markup:
    """Write the SHA-256 fingerprints in *text* in pairs and in the font of code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(_write_digits(part)) if _FINGERPRINT.fullmatch(part) else part
        for part in _FINGERPRINT.split(text)
    )


def describe_sightings(failure: Failure) -> str:
    """Describe how often and when a failure was seen."""
    times = "once" if failure.count == 1 else f"{failure.count} times since {failure.since:%Y-%m-%d %H:%M:%S} UTC, last"
    return f"{failure.cause}: seen {times} at {failure.last:%H:%M:%S} UTC, request ID {failure.request_id}."


def describe_difference(failure: Failure) -> str:
    """Describe which field differs from the expected value; empty if unknown."""
    probe = failure.latest.probe
    if probe is None or probe.difference is None:
        return ""
    difference = probe.difference
    expected, presented = group_fingerprints(difference.expected), group_fingerprints(difference.presented)
    return f"Mismatch in {difference.field}: expected {expected}, presented {presented}."


def group_fingerprints(text: str) -> str:
    """Write the SHA-256 fingerprints in *text* like openssl does: A1:B2:..."""
    return _FINGERPRINT.sub(lambda match: _group_digits(match[0]), text)


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
    "wso2": wso2_wording,
}
_environment.filters |= {
    "time": _write_time,
    "precise": _write_precise_time,
    "day": _write_day,
    "until": _describe_rest,
    "grouped": _write_digits,
    "hex": _write_hex,
    "segment": _escape_segment,
    "seen": describe_sightings,
    "difference": describe_difference,
    "with_grouped_fingerprints": mark_up_fingerprints,
}
