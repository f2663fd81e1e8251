"""
Groups of gateways, which are WSO2's gateway environments: list, create, change and delete them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from holdfast.apis.check import Check
from holdfast.apis.errors import InvalidField, UnreadableData
from holdfast.apis.gateways.group import (
    DEFAULT_GROUP,
    LISTENERS,
    MAX_GROUPS,
    Group,
    check_display_name,
    check_group_description,
    check_group_name,
    check_listen,
    check_urls,
    write_address,
)
from holdfast.apis.wso2_wording import ALREADY_EXISTS
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import AlreadyExists, Conflict, NotFound
from holdfast.services.gateways.operators import require_operator
from holdfast.services.versions import Expected, check_expected, make_group_tag
from holdfast.store.audit import Action, ChangedSetting, ChangedSettings
from holdfast.store.catalog import deployments
from holdfast.store.gateways import gateways, groups


@dataclass(frozen=True, slots=True)
class GroupChange:
    """New values of a group; None leaves a value unchanged. *urls* and *listen* are by the member of a listener."""

    display_name: str | None = None
    description: str | None = None
    urls: Mapping[str, str] | None = None
    listen: Mapping[str, Sequence[str]] | None = None

    def apply(self, group: Group) -> Group:
        """Return *group* with these values. Raises InvalidFields; UnreadableData if unknown addresses would stay."""
        if group.is_unreadable and self.listen is None:
            raise UnreadableData(f"The addresses stored for the group {group.name}", "Save new ones.")
        check = Check()
        after = replace(
            group,
            display_name=group.display_name
            if self.display_name is None
            else check(check_display_name, self.display_name) or "",
            description=group.description
            if self.description is None
            else check(check_group_description, self.description) or "",
            urls=group.urls if self.urls is None else check(check_urls, self.urls) or {},
            listen=group.listen if self.listen is None else check(check_listen, self.listen) or {},
            is_unreadable=False,
        )
        check.finish()
        return after


@dataclass(frozen=True, slots=True)
class GroupUse:
    """A group, and how many APIs of all organizations are deployed to it."""

    group: Group
    apis: int


def list_groups(context: Context) -> list[Group]:
    """Return all groups, ordered by name. Publishers of every organization can deploy APIs to them."""
    context.user.require(Permission.VIEW_SETTINGS)
    with context.read() as session:
        return groups.list_all(session)


def list_uses(context: Context) -> list[GroupUse]:
    """Return all groups, ordered by name, with their numbers of APIs. Raises NotPermitted."""
    require_operator(context)
    with context.read() as session:
        counts = deployments.count_by_group(session)
        return [GroupUse(group, counts.get(group.name, 0)) for group in groups.list_all(session)]


def get_use(context: Context, name: str) -> GroupUse:
    """Return a group with its number of APIs. Raises NotPermitted, NotFound."""
    require_operator(context)
    with context.read() as session:
        return _use(session, _find(session, name))


def create_group(context: Context, name: str, values: GroupChange) -> GroupUse:
    """
    Create a group.

    Raises:
        NotPermitted: The user isn't an admin of the default organization.
        InvalidField, InvalidFields: A value isn't allowed.
        Conflict: There is a group with this name, in whatever case, or there are too many.
    """
    require_operator(context)
    group = values.apply(Group(check_group_name(name), context.now, context.now))
    with context.write() as session:
        names = groups.list_names(session)
        if same := next((other for other in names if other.lower() == group.name.lower()), None):
            raise AlreadyExists("name", f"A group named {same} {ALREADY_EXISTS}.")
        if len(names) >= MAX_GROUPS:
            raise Conflict("name", f"There are {MAX_GROUPS} groups, which is the limit. Delete one first.")
        groups.insert(session, group)
        write_down(session, context.user, context.now, Action.CREATE_GROUP, group.name, _compare(None, group))
    return GroupUse(group, 0)


def change_group(context: Context, name: str, values: GroupChange, expected: Expected = None) -> GroupUse:
    """
    Change a group.

    Raises NotPermitted, NotFound, InvalidField, InvalidFields, and ContentChanged if the group isn't as *expected*.
    """
    require_operator(context)
    if name == DEFAULT_GROUP and values.listen and any(values.listen.values()):
        text = f"Gateways of {DEFAULT_GROUP} listen on the addresses in the settings (--gateway, ...)."
        raise InvalidField("listen", text)
    with context.write() as session:
        before = _find(session, name)
        check_expected(expected, make_group_tag(before))
        after = replace(values.apply(before), updated_at=context.now)
        groups.save(session, after)
        write_down(session, context.user, context.now, Action.CHANGE_GROUP, name, _compare(before, after))
        return _use(session, after)


def delete_group(context: Context, name: str) -> None:
    """
    Delete a group.

    Raises:
        NotPermitted, NotFound
        Conflict: It's the default group, or APIs or gateways belong to it.
    """
    require_operator(context)
    with context.write() as session:
        use = _use(session, _find(session, name))
        if name == DEFAULT_GROUP:
            raise Conflict("name", f"The group {DEFAULT_GROUP} can't be deleted.")
        if use.apis:
            apis = "1 API is" if use.apis == 1 else f"{use.apis} APIs are"
            raise Conflict("name", f"{apis} deployed to {name}. Choose other environments for them first.")
        if names := gateways.list_names_in(session, name):
            raise Conflict("name", f"Gateways belong to {name}: {', '.join(names)}. Revoke them first.")
        groups.remove(session, name)
        write_down(session, context.user, context.now, Action.DELETE_GROUP, name, _compare(use.group, None))


def refuse_unknown_group(session: Session, name: str) -> None:
    """Raise InvalidField, with the names of all groups, unless there is a group with this name."""
    names = groups.list_names(session)
    if name not in names:
        raise InvalidField("group", f"There is no group {name!r}. Choose from {', '.join(names)}.")


def _find(session: Session, name: str) -> Group:
    group = groups.get(session, name)
    if group is None:
        raise NotFound("group", name)
    return group


def _use(session: Session, group: Group) -> GroupUse:
    return GroupUse(group, deployments.count_by_group(session).get(group.name, 0))


def _compare(before: Group | None, after: Group | None) -> ChangedSettings:
    old, new = _list_settings(before) if before else {}, _list_settings(after) if after else {}
    both = ((name, old.get(name, ()), new.get(name, ())) for name in old | new)
    changes = [ChangedSetting(name, earlier, later) for name, earlier, later in both if earlier != later]
    return ChangedSettings(tuple(changes))


def _list_settings(group: Group) -> dict[str, tuple[str, ...]]:
    texts = {"displayName": group.display_name, "description": group.description}
    texts |= {f"urls.{listener.member}": group.urls.get(listener.member, "") for listener in LISTENERS}
    settings = {name: (text,) if text else () for name, text in texts.items()}
    return settings | {
        f"listen.{listener.member}": tuple(map(write_address, group.listen.get(listener.member, ())))
        for listener in LISTENERS
    }
