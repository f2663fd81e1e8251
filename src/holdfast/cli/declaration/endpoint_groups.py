"""
Groups of endpoints in configuration files: their fields, what differs from the publisher, and exports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment
from holdfast.apis.catalog.endpoint_group import (
    DEFAULT_SESSION,
    DEFAULT_SESSION_HEADER,
    Algorithm,
    EndpointGroup,
    GroupKind,
    SessionKind,
    check_group,
    read_group,
)
from holdfast.apis.catalog.group_members import GROUP_SETTINGS, list_endpoints, read_groups, write_group
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.cli.declaration.fields import Fields

_NONE = "none"
_SESSIONS = {_NONE: SessionKind.NONE, "cookie": SessionKind.COOKIE, "header": SessionKind.HEADER}
_FIELDS = {"session_timeout": "sessionTimeout", "session_header": "sessionHeader"}
_DEFAULTS = {
    "algorithm": Algorithm.ROUND_ROBIN.value,
    "session": _NONE,
    "sessionTimeout": DEFAULT_SESSION,
    "sessionHeader": DEFAULT_SESSION_HEADER,
    **dict.fromkeys((f"{name}{value}" for name in ENVIRONMENTS for value in ("Weight", "Priority")), 1),
}


@dataclass(frozen=True, slots=True)
class WantedGroups:
    """The groups that a file asks for, by environment; empty: none."""

    groups: Mapping[Environment, EndpointGroup]

    @property
    def origins(self) -> set[str]:
        """The origins of their further members."""
        return {str(member.endpoint.origin) for group in self.groups.values() for member in group.members}


def read_endpoint_group(fields: Fields | None, endpoints: Mapping[Environment, Endpoint | None]) -> WantedGroups | None:
    """Read `endpointGroup` of an API with these first *endpoints*; None if it is missing or invalid."""
    if fields is None:
        return None
    checks = fields.read_mapping("healthCheck")
    common: dict[str, Any] = {
        "kind": fields.read_text("kind"),
        "algorithm": fields.read_text("algorithm"),
        "session": fields.read_value("session", _read_session, optional=True),
        "session_timeout": _read_number(fields.read_text("sessionTimeout")),
        "session_header": fields.read_text("sessionHeader"),
        "health_check": _read_checks(checks) if checks else None,
    }
    own = {
        name: {
            "weight": _read_number(fields.read_text(f"{name}Weight")),
            "priority": _read_number(fields.read_text(f"{name}Priority")),
        }
        for name in ENVIRONMENTS
    }
    members = {name: [_read_member(member) for member in fields.read_mappings(name) or []] for name in ENVIRONMENTS}
    fields.finish()
    if common["kind"] == _NONE:
        return WantedGroups({})
    groups: dict[Environment, EndpointGroup] = {}
    for name in ENVIRONMENTS:
        if (first := endpoints[name]) is None:
            if members[name]:
                fields.reject(name, f"Set {name} of the API, the first endpoint of this group.")
            continue
        values = common | own[name] | {"members": members[name]}
        group = fields.check(name, partial(_check, first, values), _FIELDS)
        if group:
            groups[name] = group
    return WantedGroups(groups)


def compare_groups(goal: WantedGroups, before: Mapping[str, Any]) -> tuple[str, str]:
    """
    Return the groups of an API, whose `endpointConfig` is *before*, and those of *goal* as texts.

    If both have groups, the texts contain only the fields that differ; they are equal if none does.
    """
    old, new = _write_fields(read_groups(before)), _write_fields(goal.groups)
    if not old or not new:
        return _show(old), _show(new)
    names = [name for name in (old | new) if old.get(name) != new.get(name)]
    return _show_differing(old, names), _show_differing(new, names)


def apply_groups(config: dict[str, Any], goal: WantedGroups) -> dict[str, Any]:
    """Return *config*, an `endpointConfig`, with the groups of *goal*; first endpoints keep their other members."""
    failovers = [f"{name}_failovers" for name in ENVIRONMENTS]
    members = {name: value for name, value in config.items() if name not in {*GROUP_SETTINGS, *failovers}}
    members["endpoint_type"] = "http"
    for wanted_group in goal.groups.values():
        members |= write_group(wanted_group)
    for name in ENVIRONMENTS:
        first = next(iter(list_endpoints(config, name)), None)
        if first is None:
            continue
        group = goal.groups.get(name)
        if group is None:
            members[f"{name}_endpoints"] = first
            continue
        further = _write_members(group)
        own = first | {"weight": group.weight, "priority": group.priority}
        if group.kind is GroupKind.FAILOVER:
            members |= {f"{name}_endpoints": own, f"{name}_failovers": further}
        else:
            members[f"{name}_endpoints"] = [own, *further]
    return members


def export_groups(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the groups in *config*, an `endpointConfig`, as files have them; empty: none."""
    return _write_fields(read_groups(config))


def _write_fields(groups: Mapping[Environment, EndpointGroup]) -> dict[str, Any]:
    """Return *groups* as files have them; empty: none."""
    if not groups:
        return {}
    group = next(iter(groups.values()))
    session = next(name for name, kind in _SESSIONS.items() if kind is group.session)
    members: dict[str, Any] = {"kind": group.kind.value, "algorithm": group.algorithm.value, "session": session}
    members |= {"sessionTimeout": group.session_timeout, "sessionHeader": group.session_header}
    if group.health_check:
        members["healthCheck"] = group.health_check.values
    for name, own in groups.items():
        members[f"{name}Weight"] = own.weight
        if own.kind is GroupKind.LOAD_BALANCE:
            members[f"{name}Priority"] = own.priority
        if own.members:
            members[name] = _write_members(own)
    return members


def _write_members(group: EndpointGroup) -> list[dict[str, Any]]:
    members: list[dict[str, Any]] = group.values["members"]
    if group.kind is GroupKind.FAILOVER:  # their order is their priority
        for member in members:
            del member["priority"]
    return members


def _show(fields: Mapping[str, Any]) -> str:
    """Write the fields that a reader would have to set; those with defaults are left out."""
    return _show_differing(fields, [name for name, value in fields.items() if value != _DEFAULTS.get(name)]) or _NONE


def _show_differing(fields: Mapping[str, Any], names: Sequence[str]) -> str:
    return "; ".join(f"{name}: {_show_field(fields.get(name))}" for name in names)


def _show_field(value: Any) -> str:
    """Write the value of a field: a text, a number, a list of members, or a health check."""
    if isinstance(value, list):
        return ", ".join(f"{member['url']} ({_show_field(_omit_url(member))})" for member in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return _NONE if value is None else str(value)


def _omit_url(member: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in member.items() if name != "url"}


def _check(first: Endpoint, values: Mapping[str, Any]) -> EndpointGroup:
    try:
        group = read_group(values)
        check_group(first, group, "")
    except InvalidField as error:  # its field must not be lost
        raise InvalidFields([error]) from error
    return group


def _read_member(fields: Fields) -> dict[str, Any]:
    member: dict[str, Any] = {"url": fields.read_text("url")}
    member |= {name: _read_number(fields.read_text(name)) for name in ("weight", "priority")}
    fields.finish()
    return member


def _read_checks(fields: Fields) -> dict[str, Any]:
    values: dict[str, Any] = {name: fields.read_text(name) for name in ("path", "statuses")}
    values |= {name: _read_number(fields.read_text(name)) for name in ("interval", "timeout")}
    fields.finish()
    return values


def _read_session(text: str) -> str:
    if text not in _SESSIONS:
        raise InvalidField("session", f"Use one of {', '.join(_SESSIONS)}.")
    return _SESSIONS[text].value


def _read_number(text: str | None) -> int | str | None:
    """Return a whole number, or the text for the message that refuses it."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else text
