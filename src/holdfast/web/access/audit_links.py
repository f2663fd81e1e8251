"""
Links from audit events to what they are about.
"""

from collections.abc import Collection
from urllib.parse import quote

from holdfast.services.access.audit_objects import ObjectKind, find_api_id, find_kind
from holdfast.store.journal import AuditEvent

_PAGES = {ObjectKind.CERTIFICATES: "/certificates", ObjectKind.USERS: "/users"}


def find_link(event: AuditEvent, present: Collection[tuple[ObjectKind, str]]) -> str:
    """Return the address of the page about the subject of *event*; empty if it isn't *present* or has no page."""
    if (ObjectKind.APIS, find_api_id(event)) in present:
        return f"/apis/{find_api_id(event)}"
    kind = find_kind(event.action)
    page = _PAGES.get(kind) if kind else None
    if page and (kind, event.subject) in present:
        return f"{page}/{quote(event.subject, safe='')}"
    return "/gateways" if kind is ObjectKind.GATEWAYS else ""


def write_subject(event: AuditEvent) -> str:
    """Return the subject for people: an API without its ID."""
    return event.subject.removesuffix(f" ({find_api_id(event)})") or "-"
