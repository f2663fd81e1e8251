"""
Objects of audit events: the kind of object of each action, and the object's values before and after.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from holdfast.services.access.audit_endpoints import describe_endpoint, write_flag
from holdfast.store.audit import Action
from holdfast.store.journal import AuditEvent

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")  # as `to_json` writes it
_API_ID = re.compile(r" \(([0-9a-f-]{36})\)$")  # at the end of the subject, see `name_subject`


class ObjectKind(StrEnum):
    """A kind of object; the values are parts of addresses."""

    APIS = "apis"
    CERTIFICATES = "certificates"
    TRUST = "trust"
    IDENTITIES = "identities"
    CALLERS = "callers"
    GATEWAYS = "gateways"
    DATABASE = "database"
    NOTIFICATIONS = "notifications"
    USERS = "users"
    SIGN_INS = "sign-ins"


ACTIONS: dict[ObjectKind, tuple[Action, ...]] = {
    ObjectKind.APIS: (
        Action.CREATE_API,
        Action.COPY_API,
        Action.IMPORT_API,
        Action.IMPORT_DEFINITION,
        Action.CHANGE_API,
        Action.DELETE_API,
        Action.CHANGE_LIFECYCLE,
        Action.CREATE_REVISION,
        Action.DEPLOY_REVISION,
        Action.UNDEPLOY_REVISION,
        Action.RESTORE_REVISION,
        Action.DELETE_REVISION,
        Action.ACKNOWLEDGE_FAILURE,
        Action.WITHDRAW_ACKNOWLEDGEMENT,
        Action.SET_LABELS,
        Action.CHANGE_THUMBNAIL,
        Action.CHANGE_DOCUMENTS,
    ),
    ObjectKind.CERTIFICATES: (
        Action.IMPORT_CERTIFICATE,
        Action.REPLACE_CERTIFICATE,
        Action.REPLACE_WITH_OVERLAP,
        Action.UNDO_REPLACEMENT,
        Action.RETIRE_PREVIOUS,
        Action.DELETE_CERTIFICATE,
        Action.RESTORE_CERTIFICATE,
    ),
    ObjectKind.TRUST: (
        Action.CHANGE_TRUST_SETTINGS,
        Action.DELETE_TRUST_SETTINGS,
        Action.GRANT_EXCEPTION,
        Action.END_EXCEPTION,
        Action.SWITCH_TO_HTTP1,
    ),
    ObjectKind.IDENTITIES: (
        Action.IMPORT_IDENTITY,
        Action.REQUEST_IDENTITY,
        Action.IMPORT_ANSWER,
        Action.DISCARD_REQUEST,
        Action.REMOVE_IDENTITY,
    ),
    ObjectKind.CALLERS: (Action.ACCEPT_CALLER, Action.REPLACE_CALLER, Action.DELETE_CALLER),
    ObjectKind.GATEWAYS: (
        Action.CREATE_GATEWAY_CA,
        Action.ENROLL_GATEWAY,
        Action.JOIN_GATEWAY,
        Action.RENEW_GATEWAY,
        Action.REVOKE_GATEWAY,
        Action.CREATE_GROUP,
        Action.CHANGE_GROUP,
        Action.DELETE_GROUP,
    ),
    ObjectKind.DATABASE: (Action.BACK_UP, Action.RESTORE_BACKUP, Action.ROTATE_SEALING_KEY),
    ObjectKind.NOTIFICATIONS: (
        Action.CREATE_CHANNEL,
        Action.CHANGE_CHANNEL,
        Action.DELETE_CHANNEL,
        Action.TEST_CHANNEL,
        Action.CREATE_SILENCE,
        Action.END_SILENCE,
        Action.CHANGE_OWNERS,
    ),
    ObjectKind.USERS: (
        Action.CREATE_ORGANIZATION,
        Action.CREATE_USER,
        Action.CHANGE_USER,
        Action.DELETE_USER,
        Action.MAKE_ADMIN,
        Action.SET_PASSWORD,
        Action.CHANGE_PASSWORD,
        Action.CREATE_TOKEN,
        Action.REVOKE_TOKEN,
        Action.REGISTER_APPLICATION,
    ),
    ObjectKind.SIGN_INS: (Action.SIGN_IN, Action.SIGN_OUT, Action.FAIL_TO_SIGN_IN, Action.REVOKE_SESSION),
}
_KINDS = {action.value: kind for kind, actions in ACTIONS.items() for action in actions}
# After these actions, what `certificates` or `certificate` names is gone.
_VALUES: dict[str, str] = {
    Action.CHANGE_API: "endpoints",
    Action.CHANGE_LIFECYCLE: "state",
    Action.CHANGE_OWNERS: "owners",
}  # what `before` and `after` are
_FLAGS = {"any name", "revocation of path"}  # settings that are yes or no
_EARLIER_FLAGS = {"True": write_flag(is_set=True), "False": write_flag(is_set=False)}  # as earlier versions wrote them
_REMOVALS = {Action.DELETE_CERTIFICATE, Action.REMOVE_IDENTITY, Action.DELETE_CALLER, Action.REVOKE_GATEWAY}


@dataclass(frozen=True, slots=True)
class Change:
    """A value of the object before and after the event; empty: it had none."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def find_kind(action: str) -> ObjectKind | None:
    """Return what an action is about; None for actions of other versions of Holdfast."""
    return _KINDS.get(action)


def find_api_id(event: AuditEvent) -> str:
    """Return the ID of the API that an event is about; empty if it is about something else."""
    may_be = find_kind(event.action) in {ObjectKind.APIS, ObjectKind.CALLERS} or event.action == Action.CHANGE_OWNERS
    match = _API_ID.search(event.subject) if may_be else None
    return match[1] if match else ""


def list_changes(event: AuditEvent) -> list[Change]:
    """List what an event changed, from its details; empty if they don't say. Those of other versions may differ."""
    details = dict(event.details)
    if "certificates" in details and "endpoint" in details:
        return _compare_certificates(event.action, details)
    if details.get("settings") and isinstance(details["settings"], list):
        settings = [setting for setting in details["settings"] if isinstance(setting, Mapping)]
        return [_compare_setting(setting) for setting in settings]
    if "certificate" in details:
        return _compare_certificate(event.action, details)
    if "roles" in details:
        return _compare_user(details)
    if event.action == Action.END_EXCEPTION and "until" in details:
        until = _build_change("verification off until", details["until"], None)
        return [until, _build_change("reason", details.get("reason"), None)]
    if event.action == Action.GRANT_EXCEPTION and "until" in details:
        until = _build_change("verification off until", details.get("before"), details["until"])
        return [until, _build_change("reason", None, details.get("reason"))]
    if event.action == Action.REVOKE_TOKEN and "scopes" in details:
        return [_build_change("scopes", details["scopes"], None)]
    if "removed" in details:
        return [_build_change("certificates", details["removed"], None)]
    if "before" in details and "after" in details:
        return _compare_values(event.action, details)
    # What isn't set says nothing.
    values = {name: value for name, value in details.items() if value is not False}
    changes = [Change(name.replace("_", " "), (), _list_values(value)) for name, value in values.items()]
    return [change for change in changes if change.after]


def _compare_setting(setting: Mapping[str, Any]) -> Change:
    name = str(setting.get("name"))
    change = _build_change(name, setting.get("before"), setting.get("after"))
    if name not in _FLAGS:
        return change
    before, after = (tuple(_EARLIER_FLAGS.get(text, text) for text in texts) for texts in (change.before, change.after))
    return Change(name, before, after)


def _compare_certificates(action: str, details: Mapping[str, Any]) -> list[Change]:
    current, previous = _list_values(details["certificates"]), _list_values(details.get("previous"))
    removals = _list_values(details.get("removed"))
    endpoint = Change("endpoint", _list_values(details["endpoint"]), _list_values(details["endpoint"]))
    if action in _REMOVALS:
        return [endpoint, Change("certificates", current + previous, ())]
    if action == Action.RETIRE_PREVIOUS:
        return [endpoint, Change("certificates", current, current), Change("previous certificates", removals, ())]
    if action == Action.UNDO_REPLACEMENT:
        return [endpoint, Change("certificates", removals, current)]
    # With an overlap, the certificates that were replaced are the previous ones now.
    changes = [endpoint, Change("certificates", previous or removals, current)]
    return [*changes, Change("previous certificates", removals if previous else (), previous)] if previous else changes


def _compare_certificate(action: str, details: Mapping[str, Any]) -> list[Change]:
    """List the changes of a certificate of a caller or a gateway."""
    certificate, earlier = details["certificate"], details.get("removed") or details.get("before")
    if action == Action.REPLACE_CALLER:
        earlier = earlier or certificate  # only the tier changed
    own = {"certificate", "removed", "before", "alias", "tier", "tier_before"}
    changes = [_build_change(name, None, value) for name, value in details.items() if name not in own]
    values = [("alias", details.get("alias"), details.get("alias")), ("certificate", earlier, certificate)]
    values.append(("tier", details.get("tier_before") or details.get("tier"), details.get("tier")))
    if action in _REMOVALS:
        changes += [_build_change(name, now, None) for name, _, now in values]
    elif action == Action.ACCEPT_CALLER:
        changes += [_build_change(name, None, now) for name, _, now in values]
    else:
        changes += [_build_change(name, before, now) for name, before, now in values]
    return [change for change in changes if change.before or change.after]


def _compare_values(action: str, details: Mapping[str, Any]) -> list[Change]:
    values = _build_change(_VALUES.get(action, "value"), details["before"], details["after"])
    changes = [values] if values.before != values.after or action != Action.CHANGE_API else []
    requires = details.get("requires_certificate")
    if requires is not None:
        words = "not required", "required"
        changes.append(Change("caller certificate", (words[not requires],), (words[bool(requires)],)))
    if details.get("groups") is not None:
        changes.append(_build_change("environments", details.get("groups_before"), details["groups"]))
    description = details.get("description")
    if isinstance(description, list) and len(description) == len(("before", "after")):
        changes.append(_build_change("description", *description))
    if details.get("members"):
        changes.append(_build_change("other members that changed", details["members"], details["members"]))
    return changes


def _compare_user(details: Mapping[str, Any]) -> list[Change]:
    changes = [_build_change("roles", details.get("before"), details["roles"])]
    is_disabled, before = bool(details.get("disabled")), bool(details.get("disabled_before"))
    if is_disabled or before:
        changes.append(_build_change("disabled", before, is_disabled))
    return changes


def _build_change(name: str, before: object, after: object) -> Change:
    return Change(name, _list_values(before), _list_values(after))


def _list_values(value: object) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, Mapping):
        if "url" in value:
            return (describe_endpoint(value["url"], value.get("settings")),)
        return tuple(f"{name} {' and '.join(_list_values(item)) or 'none'}" for name, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(text for item in value for text in _list_values(item))
    if isinstance(value, bool):
        return (write_flag(is_set=value),)
    text = str(value)
    return (f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC" if _TIME.fullmatch(text) else text,)
