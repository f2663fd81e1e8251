"""
Which groups of gateways an API is deployed to, according to its description.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from holdfast.apis.catalog.description import FullApi
from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.group import DEFAULT_GROUP, ON_DEFAULT
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.store.gateways import groups

MEMBER = "gatewayEnvironments"  # the member with the names of groups
OLD_DEFAULT = "Production and Sandbox"  # the name of WSO2's default environment before version 4.0


def apply_deployment(session: Session, context: Context, before: FullApi | None, after: FullApi) -> FullApi:
    """
    Return *after* with `groups` set from its member `gatewayEnvironments`; without it, the API is deployed to Default.

    Raises:
        InvalidField: A group doesn't exist, or there is none.
        NotPermitted: It would change where a served API is deployed, which only publishers can.
    """
    value = after.members.get(MEMBER)
    if before and before.members.get(MEMBER) == value:
        return FullApi(replace(after.api, groups=before.api.groups), after.members)
    group_names = ON_DEFAULT if value is None else read_groups(value, groups.list_names(session))
    if before and group_names != before.api.groups and before.api.state.is_live:
        context.user.require(Permission.PUBLISH_APIS)
    members = dict(after.members) if value is None else {**after.members, MEMBER: sorted(group_names)}
    return FullApi(replace(after.api, groups=group_names), members)


def read_groups(value: Any, group_names: Sequence[str]) -> frozenset[str]:
    """Return the groups that *value*, a list of names, means. Raises InvalidField."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidField(MEMBER, "Use a list of names of gateway environments.")
    if not value:
        text = "Choose at least one gateway environment. To stop serving an API, change its lifecycle state."
        raise InvalidField(MEMBER, text)
    names = [DEFAULT_GROUP if name == OLD_DEFAULT and name not in group_names else name for name in value]
    if unknown := [name for name in names if name not in group_names]:
        text = f"There is no gateway environment {unknown[0]!r}. Choose from {', '.join(group_names)}."
        raise InvalidField(MEMBER, text)
    return frozenset(names)
