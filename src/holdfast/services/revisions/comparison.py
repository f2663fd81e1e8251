"""
The parts in which a revision differs from the working copy.
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from holdfast.apis.catalog.member_defaults import list_changed_members
from holdfast.apis.catalog.revision import Revision, RevisionContent, keep_current
from holdfast.apis.errors import UnreadableData
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_api
from holdfast.services.revisions.revisions import read_working_copy
from holdfast.store.catalog import revisions

_DEFINITION = "definition"


def compare_revisions(context: Context, api_id: str) -> dict[str, list[str]]:
    """Return the names of the parts in which each revision of an API differs from its working copy, by id."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        api = find_api(session, context, api_id)
        current = read_working_copy(session, api)
        all_revisions = revisions.list_of_api(session, api.organization, api.id)
        return {revision.id: _find_differences(session, revision, current) for revision in all_revisions}


def _find_differences(session: Session, revision: Revision, current: RevisionContent) -> list[str]:
    try:
        return _compare(revisions.get_content(session, revision), current)
    except UnreadableData:
        return ["everything, because it can't be read; delete it"]


def _compare(content: RevisionContent, other: RevisionContent) -> list[str]:
    settings = {_name(key): None for key in _list_changes(content.settings, other.settings)}
    members = sorted(list_changed_members(keep_current(content.members, {}), keep_current(other.members, {})))
    definition = [_DEFINITION] if content.definition != other.definition else []
    return list(dict.fromkeys([*settings, *map(_split, members), *definition]))


def _list_changes(values: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in values.keys() | other.keys() if values.get(key) != other.get(key))


def _name(column: str) -> str:
    """Return the name of a column for people."""
    environment, _, part = column.partition("_")
    if part in {"url", "origin"}:
        return f"{environment} endpoint"
    return column.replace("_", " ")


def _split(member: str) -> str:
    """Return the name of a member for people: `endpointConfig` becomes `endpoint config`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", member).lower()
