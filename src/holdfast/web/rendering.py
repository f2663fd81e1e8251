"""
Templates and their filters.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context as TemplateContext
from markupsafe import Markup, escape

from holdfast.apis import wso2_wording
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.publisher_paths import PREFIX
from holdfast.certificates.validity import Status, get_status
from holdfast.services.access.audit_objects import list_changes
from holdfast.services.access.context import Context
from holdfast.services.attention.attention import list_server_warnings
from holdfast.services.failures.failure import Failure
from holdfast.services.trust import trust_settings
from holdfast.web.access.audit_links import find_link, write_subject
from holdfast.web.actions import find_button
from holdfast.web.commands import build_commands
from holdfast.web.fingerprints import abbreviate_fingerprints, is_fingerprint, write_digits, write_hex
from holdfast.web.navigation import API_TABS, count_failures, list_links
from holdfast.web.notices import forget_notice, read_notice
from holdfast.web.static_files import STYLE_SHEETS, get_static_url
from holdfast.web.times import Form, describe_days_left, mark_up, rate_days_left, write_time

RESTORABLE = "You can restore deleted certificates for 30 days, but not trust settings or gateway identities."
EXAMPLE_ENDPOINT = "https://backend.example:8443/base"
_WORDS_OF_URLS = re.compile(r"[^./]*(?://|[./]|$)")
_PORT = re.compile(r":\d+(?=/|\?|$)")
# Kind and icon of the component `state`.
_LOOKS = {
    Status.ACTIVE: ("ok", "circle-check"),
    Status.EXPIRING: ("soon", "clock-exclamation"),
    Status.EXPIRED: ("bad", "circle-x"),
    Status.NOT_YET_VALID: ("bad", "clock"),
    Status.UNREADABLE: ("bad", "alert-circle"),
    State.CREATED: ("quiet", "circle-dashed"),
    State.PROTOTYPED: ("soon", "circle-check"),
    State.PUBLISHED: ("ok", "circle-check"),
    State.BLOCKED: ("bad", "lock"),
    State.DEPRECATED: ("soon", "alert-triangle"),
    State.RETIRED: ("quiet", "circle-x"),
}
_STATE_ICONS = {
    "ok": "circle-check",
    "soon": "alert-triangle",
    "bad": "alert-circle",
    "info": "info-circle",
    "quiet": "circle-dashed",
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
        # Functions, because only whole pages need the values, or only lists that are polled.
        links=lambda section: list_links(request.app.state.runtime, context, section) if context else [],
        failing=lambda: count_failures(request.app.state.runtime, context) if context and wants_part(request) else None,
        exceptions=cache(lambda: trust_settings.list_exceptions(context) if context else []),
        server_warnings=lambda: (
            list_server_warnings(context, request.app.state.runtime.server_certificates) if context else []
        ),
        **{"now": context.now if context else None} | values,
    )
    # The same address answers with whole pages and with parts of them.
    response = HTMLResponse(text, status, {"Vary": "HX-Request"})
    if notice:
        forget_notice(response)
    return response


def _draw_icon(name: str) -> Markup:
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>').format(
        get_static_url("icons.svg"), name
    )


def describe_sightings(failure: Failure) -> str:
    """Describe how often and when a failure was seen."""
    first = (
        f"{failure.count:,} times, first {failure.since:%Y-%m-%d %H:%M:%S} UTC, last" if failure.count > 1 else "once,"
    )
    where = f" at {failure.latest.member}" if failure.latest.member else ""
    return (
        f"{failure.cause}{where}: seen {first} {failure.last:%Y-%m-%d %H:%M:%S} UTC, request ID {failure.request_id}."
    )


def describe_difference(failure: Failure) -> str:
    """Describe which field differs from the expected value; empty if unknown."""
    probe = failure.latest.probe
    if probe is None or probe.difference is None:
        return ""
    difference = probe.difference
    expected, actual = abbreviate_fingerprints(difference.expected), abbreviate_fingerprints(difference.presented)
    return f"Mismatch in {difference.field}: expected {expected}; presented {actual}"


@pass_context
def _mark_up(context: TemplateContext, text: str, form: Form | None = None) -> Markup:
    return mark_up(text, context["now"], form)


def _allow_breaks(origin: object) -> Markup:
    """Let a line break after the dots and slashes of a name or URL and before its port, rather than within words."""
    text = str(origin)
    port = _PORT.search(text)
    start = port.start() if port else len(text)
    parts = (escape(part) for part in _WORDS_OF_URLS.findall(text[:start]) if part)
    return Markup("<wbr>").join((*parts, escape(text[start:])))


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
    "rest": PREFIX,
    "icon": _draw_icon,
    "static": get_static_url,
    "status_of": get_status,
    "looks": _LOOKS,
    "state_icons": _STATE_ICONS,
    "write_time": write_time,
    "describe_days_left": describe_days_left,
    "rate_days_left": rate_days_left,
    "example_endpoint": EXAMPLE_ENDPOINT,
    "restorable": RESTORABLE,
    "find_button": find_button,
    "as_commands": build_commands,
    "wso2": wso2_wording,
    "api_tabs": API_TABS,
    "style_sheets": STYLE_SHEETS,
    "changes_of": list_changes,
    "link_of": find_link,
    "subject_of": write_subject,
    "is_fingerprint": is_fingerprint,
}
_environment.filters |= {
    "digits": write_digits,
    "abbreviate": abbreviate_fingerprints,
    "hex": write_hex,
    "allow_breaks": _allow_breaks,
    "mark_up": _mark_up,
    "segment": _escape_segment,
    "sightings": describe_sightings,
    "difference": describe_difference,
}
