"""
The member `additionalProperties` of an API: a list of `{name, value, display}`, or a map in v1 of WSO2's REST API.
"""

from collections.abc import Mapping
from typing import Any

from holdfast.apis.definitions.documents import write_json

PROPERTIES = "additionalProperties"
PROPERTIES_BY_NAME = "additionalPropertiesMap"  # WSO2's second form of the list, by name


def list_properties(value: Any) -> list[dict[str, Any]]:
    """Return the value of either member as a list with unique names; `display` is left out if the value lacks it."""
    if isinstance(value, Mapping):
        entries = [_make_entry(name, part) for name, part in value.items()]
    else:
        entries = [dict(entry) for entry in value or [] if isinstance(entry, Mapping) and entry.get("name")]
    by_name = {entry["name"]: entry | {"value": _write_text(entry.get("value", ""))} for entry in entries}
    return list(by_name.values())


def complete_properties(value: Any) -> list[dict[str, Any]]:
    """Return the list as WSO2 writes it from v2 on."""
    return [{"display": False} | entry for entry in list_properties(value)]


def map_properties(value: Any) -> dict[str, str]:
    """Return the map of names to values that WSO2 writes in v1."""
    return {entry["name"]: entry["value"] for entry in list_properties(value)}


def store_properties(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return *members* with the properties as a list, whichever form was sent; a list precedes WSO2's second form."""
    stored_members = {name: value for name, value in members.items() if name != PROPERTIES_BY_NAME}
    by_name = members.get(PROPERTIES_BY_NAME)
    if by_name and not stored_members.get(PROPERTIES):
        stored_members[PROPERTIES] = by_name
    if stored_members.get(PROPERTIES) is not None:
        stored_members[PROPERTIES] = list_properties(stored_members[PROPERTIES])
    return stored_members


def keep_display(before: Any, after: Any) -> Any:
    """Return the list *after* with `display` of the properties *before*, where a map left it out."""
    if not isinstance(after, list):
        return after
    display_by_name = {entry["name"]: entry["display"] for entry in list_properties(before) if "display" in entry}
    return [
        {"display": display_by_name[entry["name"]]} | entry if entry["name"] in display_by_name else entry
        for entry in after
    ]


def _make_entry(name: str, part: Any) -> dict[str, Any]:
    return {**part, "name": name} if isinstance(part, Mapping) else {"name": name, "value": part}


def _write_text(value: Any) -> str:
    return value if isinstance(value, str) else write_json(value)
