"""
Load-balanced and failover groups in the form of the Endpoints page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.endpoint_group import EndpointGroup, GroupKind, read_group
from holdfast.apis.errors import InvalidField

PREFIX = "group_"
_CHECKS = ("path", "interval", "timeout", "statuses")
_TEXTS = ("kind", "algorithm", "session", "session_timeout", "session_header", *_CHECKS)
_WORDS = {GroupKind.LOAD_BALANCE: "Load Balanced", GroupKind.FAILOVER: "Failover"}  # WSO2's


@dataclass(frozen=True, slots=True)
class GroupValues:
    """The values of the form: *settings* by name, and the further *members* of each environment, one per line."""

    settings: Mapping[str, str]
    members: Mapping[Environment, str]


async def _read_form(request: Request) -> GroupValues | None:
    """Read the fields `group_kind`, `group_production` and so on; None if the form has none."""
    form = await request.form()
    texts = {name: value for name in (*_TEXTS, *ENVIRONMENTS) if isinstance(value := form.get(PREFIX + name), str)}
    if "kind" not in texts:
        return None
    settings = {name: texts.get(name, "").strip() for name in _TEXTS}
    return GroupValues(settings, {environment: texts.get(environment, "") for environment in ENVIRONMENTS})


TypedGroups = Annotated[GroupValues | None, Depends(_read_form)]


def read_typed(typed: GroupValues | None, api: Api) -> tuple[dict[Environment, EndpointGroup | None], dict[str, str]]:
    """Return the groups by environment, and the errors by field; nothing if the form had no groups."""
    if typed is None:
        return {}, {}
    if not typed.settings["kind"]:
        return dict.fromkeys(ENVIRONMENTS), {}
    groups: dict[Environment, EndpointGroup | None] = {}
    errors: dict[str, str] = {}
    for environment in ENVIRONMENTS:
        saved = api.group(environment)
        values = _settings(typed) | {"members": _members(typed.members[environment])}
        try:
            groups[environment] = read_group(values | {"weight": saved.weight if saved else None})
        except InvalidField as error:
            name = environment if error.field.startswith("members") else error.field
            errors[f"{PREFIX}{name}"] = str(error)
    return groups, errors


def choose_groups(api: Api, typed: GroupValues | None) -> GroupValues:
    """Return the values for the form: typed ones, or else saved ones, or else the defaults."""
    if typed:
        return typed
    saved = [group for environment in ENVIRONMENTS if (group := api.group(environment))]
    group = saved[0] if saved else EndpointGroup(GroupKind.LOAD_BALANCE)
    values = group.values
    settings = {name: str(values[name]) for name in ("algorithm", "session", "session_timeout", "session_header")}
    settings["kind"] = group.kind.value if saved else ""
    checks = group.health_check.values if group.health_check else {}
    settings |= {name: str(checks.get(name, "")) for name in _CHECKS}
    return GroupValues(settings, {environment: _write_members(api, environment) for environment in ENVIRONMENTS})


def summarize(api: Api) -> str:
    """Return the kind of the groups of *api*, and their number of endpoints; empty if it has none."""
    groups = {environment: group for environment in ENVIRONMENTS if (group := api.group(environment))}
    if not groups:
        return ""
    counts = [f"{environment}: {len(api.members(environment))}" for environment in groups]
    return f"{_WORDS[next(iter(groups.values())).kind]} | {' | '.join(counts).capitalize()}"


def _settings(typed: GroupValues) -> dict[str, Any]:
    given = typed.settings
    values: dict[str, Any] = {"kind": given["kind"]}
    if given["kind"] == GroupKind.LOAD_BALANCE:  # otherwise, the form hides these
        values |= {name: given[name] or None for name in ("algorithm", "session", "session_header")}
        values["session_timeout"] = _number(given["session_timeout"])
    if given["path"]:
        values["health_check"] = {
            "path": given["path"],
            "interval": _number(given["interval"]),
            "timeout": _number(given["timeout"]),
            "statuses": given["statuses"] or None,
        }
    return values


def _members(text: str) -> list[dict[str, Any]]:
    """Read a member from each line: its URL and, after a space, its weight."""
    members = []
    for line in filter(None, map(str.strip, text.splitlines())):
        url, _, weight = line.partition(" ")
        members.append({"url": url, "weight": _number(weight.strip())})
    return members


def _write_members(api: Api, environment: Environment) -> str:
    group = api.group(environment)
    further = group.members if group else ()
    weights = {each.endpoint.url: f" {each.weight}" if each.weight != 1 else "" for each in further}
    return "\n".join(f"{url}{weight}" for url, weight in weights.items())


def _number(text: str) -> int | str | None:
    """Return a number, or another text as it is, which is then refused; None if it's empty."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text or None
