"""
The APIs of an organization: create, find and change them.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from holdfast.apis.catalog import api as rules
from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi, describe_unreadable
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.members import check_members, merge_members
from holdfast.apis.check import Check
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.caller_requirements import concerns_callers
from holdfast.services.catalog.endpoint_security import (
    NO_SECURITIES,
    Securities,
    set_security,
)
from holdfast.services.catalog.endpoints import (
    NO_CONNECTIONS,
    NO_GROUPS,
    Connections,
    EndpointGroups,
    apply_connection,
    check_groups,
    read_endpoints,
)
from holdfast.services.catalog.saving import add_api, save_full_api
from holdfast.services.errors import NotFound
from holdfast.services.trust.unused_trust import TrustOutcome, list_origins, settle
from holdfast.services.versions import Expected, check_expected, make_api_tag
from holdfast.store.catalog import api_documents, apis
from holdfast.store.catalog.apis import DEFAULT_ORDER, ApiFilter, ApiOrder


@dataclass(frozen=True, slots=True)
class ApiDraft:
    """The values for a new API; None for an endpoint that it doesn't have."""

    name: str
    context: str
    version: str
    production: str | None = None
    sandbox: str | None = None
    description: str = ""
    members: Mapping[str, Any] = field(default_factory=dict)  # of its description, stored unchanged
    connections: Connections = field(default_factory=dict)
    securities: Securities = field(default_factory=dict)
    groups: EndpointGroups = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeOutcome:
    """An API after a change, and the trust that no API uses because of it."""

    full_api: FullApi
    trust: TrustOutcome


def create_api(context: Context, draft: ApiDraft) -> Api:
    """Create an API in the state Created. Raises what `create_full_api` raises."""
    return create_full_api(context, draft).api


def create_full_api(context: Context, draft: ApiDraft) -> FullApi:
    """
    Create an API in the state Created; return it with all members of its description.

    Raises:
        InvalidFields: Some values are invalid.
        Conflict: The context or the name is taken.
        InvalidField: It is to be deployed to a group that doesn't exist.
        MutualTlsMissing: It requires caller certificates, but no gateway requests them.
        OldControlPlanes: A control plane of an earlier version would ignore the priorities of its endpoints.
    """
    context.user.require(Permission.CHANGE_APIS)
    full_api = check_draft(context, draft)
    with context.write() as session:
        return add_api(session, context, full_api)


def get_full_api(context: Context, api_id: str) -> FullApi:
    """Return an API with all members of its description. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return find_full_api(session, context, api_id)


def explain_description(context: Context, api: Api) -> str:
    """Return that the stored description of *api* can't be read, and what to do; empty if it can."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        is_unreadable = api_documents.has_unreadable_members(session, context.user.organization, api.id)
    return describe_unreadable(api) if is_unreadable else ""


def find_full_api(session: Session, context: Context, api_id: str) -> FullApi:
    """Return an API with all members of its description, in the caller's transaction. Raises NotFound."""
    api = find_api(session, context, api_id)
    return FullApi(api, api_documents.list_members(session, context.user.organization, [api_id]).get(api_id, {}))


def describe(context: Context, page: Collection[Api]) -> list[FullApi]:
    """Return APIs with the members of their descriptions."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        members = api_documents.list_members(session, context.user.organization, [api.id for api in page])
    return [FullApi(api, members.get(api.id, {})) for api in page]


def list_types(context: Context, page: Collection[Api]) -> dict[str, str]:
    """Return the types of APIs by id; those without a type are left out."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return api_documents.list_types(session, context.user.organization, [api.id for api in page])


def get_api(context: Context, api_id: str) -> Api:
    """Return an API. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return find_api(session, context, api_id)


def find_api(session: Session, context: Context, api_id: str) -> Api:
    """Return an API, in the caller's transaction. Raises NotFound."""
    api = apis.get(session, context.user.organization, api_id)
    if api is None:
        raise NotFound("API", api_id)
    return api


def list_apis(
    context: Context,
    api_filter: ApiFilter | None = None,
    offset: int = 0,
    limit: int | None = None,
    order: ApiOrder = DEFAULT_ORDER,
) -> tuple[list[Api], int]:
    """Return a page of the APIs that match *api_filter*, in *order*, and the number of all matches."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return apis.find(session, context.user.organization, api_filter or ApiFilter(), offset, limit, order)


def change_endpoints(
    context: Context,
    api_id: str,
    production: str | None,
    sandbox: str | None,
    connections: Connections = NO_CONNECTIONS,
    securities: Securities = NO_SECURITIES,
    groups: EndpointGroups = NO_GROUPS,
    expected: Expected = None,
) -> ChangeOutcome:
    """
    Change the endpoints of an API; None removes one.

    Raises InvalidFields, NotFound, OldControlPlanes, and ContentChanged if the API isn't as *expected*.
    """
    context.user.require(Permission.CHANGE_APIS)
    return change_api(
        context,
        api_id,
        endpoints=(production, sandbox),
        connections=connections,
        securities=securities,
        groups=groups,
        expected=expected,
    )


def change_api(
    context: Context,
    api_id: str,
    *,
    description: str | None = None,
    endpoints: tuple[str | None, str | None] | None = None,
    connections: Connections = NO_CONNECTIONS,
    securities: Securities = NO_SECURITIES,
    groups: EndpointGroups = NO_GROUPS,
    members: Mapping[str, Any] | None = None,
    expected: Expected = None,
    delete_unused: bool = False,
) -> ChangeOutcome:
    """
    Change the description, endpoints (production, sandbox) or members of an API; None keeps what it has.

    An endpoint whose environment isn't in *connections*, *securities* or *groups* keeps those settings. With
    *delete_unused*, trust that no API uses because of the change is deleted.

    As in WSO2, publishers can change the description, but not where traffic goes or who can call the API.

    Raises:
        NotPermitted: The user can't change the API, its endpoints, who can call it or where it is deployed.
        InvalidField, InvalidFields: A value is invalid.
        NotFound: The API doesn't exist.
        ContentChanged: The API isn't as *expected*.
        MutualTlsMissing: It would require caller certificates, but no gateway requests them.
        OldControlPlanes: A control plane of an earlier version would ignore the priorities of its endpoints.
    """
    context.user.require(Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    check = Check()
    new_endpoints = read_endpoints(check, *endpoints) if endpoints else None
    text = check(rules.check_description, description) if description is not None else None
    new_members = check(check_members, members or {}) or {}
    check.finish()
    with context.write() as session:
        before = find_full_api(session, context, api_id)
        check_expected(expected, make_api_tag(before))
        api = replace(
            before.api,
            description=before.api.description if text is None else text,
            production=apply_connection(
                new_endpoints[0] if new_endpoints else before.api.production, before.api, connections, "production"
            ),
            sandbox=apply_connection(
                new_endpoints[1] if new_endpoints else before.api.sandbox, before.api, connections, "sandbox"
            ),
            production_group=groups.get("production", before.api.production_group),
            sandbox_group=groups.get("sandbox", before.api.sandbox_group),
            updated_at=context.now,
        )
        api = set_security(api, before.api, securities)
        check_groups(check, api)
        check.finish()
        if any(api.list_members(env) != before.api.list_members(env) for env in ENVIRONMENTS) or (
            (api.production_group, api.sandbox_group) != (before.api.production_group, before.api.sandbox_group)
        ):
            context.user.require(Permission.CHANGE_APIS)
        # Checked again: two small descriptions can be too large together.
        after = FullApi(api, check_members(merge_members(before.members, new_members)))
        after = save_full_api(session, context, before, after)
        if concerns_callers(before.api, after.api):
            context.user.require(Permission.CHANGE_APIS)
        removed_origins = list_origins(before.api) - list_origins(after.api)
        return ChangeOutcome(after, settle(session, context, removed_origins, delete=delete_unused))


def check_draft(context: Context, draft: ApiDraft) -> FullApi:
    """Build a new API from *draft*, without saving it. Raises InvalidFields."""
    check = Check()
    name = check(rules.check_name, draft.name)
    path = check(rules.check_context, draft.context)
    version = check(rules.check_version, draft.version)
    description = check(rules.check_description, draft.description)
    production, sandbox = read_endpoints(check, draft.production, draft.sandbox)
    members = check(check_members, draft.members) or {}
    check.finish()
    api = Api(
        id=str(uuid.uuid4()),
        organization=context.user.organization,
        name=name or "",
        context=path or "",
        version=version or "",
        description=description or "",
        provider=context.user.name,
        state=State.CREATED,
        production=apply_connection(production, None, draft.connections, "production"),
        sandbox=apply_connection(sandbox, None, draft.connections, "sandbox"),
        created_at=context.now,
        updated_at=context.now,
        production_group=draft.groups.get("production"),
        sandbox_group=draft.groups.get("sandbox"),
    )
    check_groups(check, api)
    check.finish()
    return FullApi(set_security(api, None, draft.securities), merge_members({}, members))
