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
    wanted = after.members.get(MEMBER)
    if before and before.members.get(MEMBER) == wanted:
        return FullApi(replace(after.api, groups=before.api.groups), after.members)
    chosen = ON_DEFAULT if wanted is None else read_groups(wanted, groups.list_names(session))
    if before and chosen != before.api.groups and before.api.state.is_live:
        context.user.require(Permission.PUBLISH_APIS)
    members = dict(after.members) if wanted is None else {**after.members, MEMBER: sorted(chosen)}
    return FullApi(replace(after.api, groups=chosen), members)


def read_groups(wanted: Any, known: Sequence[str]) -> frozenset[str]:
    """Return the groups that *wanted*, a list of names, means. Raises InvalidField."""
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise InvalidField(MEMBER, "Use a list of names of gateway environments.")
    if not wanted:
        text = "Choose at least one gateway environment. To stop serving an API, change its lifecycle state."
        raise InvalidField(MEMBER, text)
    names = [DEFAULT_GROUP if name == OLD_DEFAULT and name not in known else name for name in wanted]
    if unknown := [name for name in names if name not in known]:
        text = f"There is no gateway environment {unknown[0]!r}. Choose from {', '.join(known)}."
        raise InvalidField(MEMBER, text)
    return frozenset(names)
