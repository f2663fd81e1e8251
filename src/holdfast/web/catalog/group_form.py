"""
Load-balanced and failover groups in the form of the Endpoints page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment, parse_endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup, GroupKind, check_group, read_group
from holdfast.apis.errors import InvalidField

PREFIX = "group_"
_CHECKS = ("path", "interval", "timeout", "statuses")
_TEXTS = ("kind", "algorithm", "session", "session_timeout", "session_header", *_CHECKS)
_COLUMNS = ("url", "weight", "priority")
_WORDS = {GroupKind.LOAD_BALANCE: "Load Balanced", GroupKind.FAILOVER: "Failover"}  # WSO2's


@dataclass(frozen=True, slots=True)
class MemberRow:
    """The fields of an endpoint; *url* is empty in the first row, because that URL has a separate field."""

    url: str = ""
    weight: str = ""
    priority: str = ""


@dataclass(frozen=True, slots=True)
class GroupValues:
    """The values of the form: *settings* by name, and the *rows* of each environment, the first endpoint's first."""

    settings: Mapping[str, str]
    rows: Mapping[Environment, Sequence[MemberRow]]


async def _read_form(request: Request) -> GroupValues | None:
    """Read the fields `group_kind`, `group_production_url` and so on; None if the form has none."""
    form = await request.form()
    texts = {name: value for name in _TEXTS if isinstance(value := form.get(PREFIX + name), str)}
    if "kind" not in texts:
        return None
    settings = {name: texts.get(name, "").strip() for name in _TEXTS}
    return GroupValues(settings, {environment: _read_rows(form, environment) for environment in ENVIRONMENTS})


def _read_rows(form: FormData, environment: Environment) -> list[MemberRow]:
    columns = (form.getlist(f"{PREFIX}{environment}_{name}") for name in _COLUMNS)
    texts = ([cell.strip() if isinstance(cell, str) else "" for cell in column] for column in columns)
    first, *further = [MemberRow(*row) for row in zip_longest(*texts, fillvalue="")] or [MemberRow()]
    return [first, *(row for row in further if row.url)]


TypedGroups = Annotated[GroupValues | None, Depends(_read_form)]


def read_groups(
    form: GroupValues | None, urls: Mapping[Environment, str]
) -> tuple[dict[Environment, EndpointGroup | None], dict[str, str]]:
    """
    Return the groups by environment, and the errors by field; nothing if the form had no groups.

    *urls* are those of the first endpoints.
    """
    if form is None:
        return {}, {}
    if not form.settings["kind"]:
        return dict.fromkeys(ENVIRONMENTS), {}
    groups: dict[Environment, EndpointGroup | None] = {}
    errors: dict[str, str] = {}
    for environment in ENVIRONMENTS:
        first, *further = [_read_share(form, row) for row in form.rows[environment]]
        try:
            groups[environment] = group = read_group(_read_settings(form) | first | {"members": further})
            if first_endpoint := _parse(urls.get(environment, "")):
                _check_members(first_endpoint, group)
        except InvalidField as error:
            errors[PREFIX + _name_field(environment, error.field)] = str(error)
    return groups, errors


def choose_groups(api: Api, form: GroupValues | None) -> GroupValues:
    """Return the values for the form: typed ones, or else saved ones, or else the defaults."""
    if form:
        return form
    groups = [group for environment in ENVIRONMENTS if (group := api.find_group(environment))]
    group = groups[0] if groups else EndpointGroup(GroupKind.LOAD_BALANCE)
    values = group.values
    settings = {name: str(values[name]) for name in ("algorithm", "session", "session_timeout", "session_header")}
    settings["kind"] = group.kind.value if groups else ""
    checks = group.health_check.values if group.health_check else {}
    settings |= {name: str(checks.get(name, "")) for name in _CHECKS}
    return GroupValues(settings, {environment: _write_rows(api, environment) for environment in ENVIRONMENTS})


def summarize(api: Api) -> str:
    """Return the kind of the groups of *api*, and their number of endpoints; empty if it has none."""
    groups = {environment: group for environment in ENVIRONMENTS if (group := api.find_group(environment))}
    if not groups:
        return ""
    counts = [f"{environment}: {len(api.list_members(environment))}" for environment in groups]
    return f"{_WORDS[next(iter(groups.values())).kind]} | {' | '.join(counts).capitalize()}"


def _read_settings(form: GroupValues) -> dict[str, Any]:
    texts = form.settings
    values: dict[str, Any] = {"kind": texts["kind"]}
    if texts["kind"] == GroupKind.LOAD_BALANCE:  # otherwise, the form hides these
        values |= {name: texts[name] or None for name in ("algorithm", "session", "session_header")}
        values["session_timeout"] = _read_number(texts["session_timeout"])
    if texts["path"]:
        values["health_check"] = {
            "path": texts["path"],
            "interval": _read_number(texts["interval"]),
            "timeout": _read_number(texts["timeout"]),
            "statuses": texts["statuses"] or None,
        }
    return values


def _read_share(form: GroupValues, row: MemberRow) -> dict[str, Any]:
    """Return the values of an endpoint as `read_group` reads them."""
    if form.settings["kind"] == GroupKind.FAILOVER:  # the form hides weight and priority
        return {"url": row.url}
    return {"url": row.url, "weight": _read_number(row.weight), "priority": _read_number(row.priority)}


def _parse(url: str) -> Endpoint | None:
    try:
        return parse_endpoint(url, "")
    except InvalidField:  # the field of the first endpoint shows it
        return None


def _check_members(first: Endpoint, group: EndpointGroup) -> None:
    """Raise InvalidField for the first member that can't share requests with those before it."""
    for number in range(len(group.members)):
        try:
            check_group(first, replace(group, members=group.members[: number + 1]), "")
        except InvalidField as error:
            raise InvalidField(f"members.{number}.url", str(error)) from error


def _name_field(environment: Environment, field: str) -> str:
    """Return the form's name for a *field* of `read_group`: `production_2_url` for `members.1.url`."""
    of_member, _, name = field.rpartition(".")
    if of_member.startswith("members."):
        return f"{environment}_{int(of_member.removeprefix('members.')) + 1}_{name}"
    if field in _COLUMNS:
        return f"{environment}_0_{field}"
    return environment if field == "members" else field


def _write_rows(api: Api, environment: Environment) -> list[MemberRow]:
    group = api.find_group(environment)
    if group is None:
        return [MemberRow()]
    is_balanced = group.kind is GroupKind.LOAD_BALANCE
    return [
        MemberRow(
            member.endpoint.url if number else "", str(member.weight), str(member.priority) if is_balanced else "1"
        )
        for number, member in enumerate(api.list_members(environment))
    ]


def _read_number(text: str) -> int | str | None:
    """Return a number, or another text as it is, which is then refused; None if it's empty."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text or None
