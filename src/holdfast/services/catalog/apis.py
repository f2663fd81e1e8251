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
from holdfast.apis.catalog.api_types import refuse_unreachable_type, refuse_unserved_type, type_of
from holdfast.apis.catalog.description import Described
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.members import check_members, merge_members
from holdfast.apis.catalog.prototype import check_implementation
from holdfast.apis.catalog.request_rules import read_request_rules
from holdfast.apis.check import Check
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.caller_requirements import apply_requirements, concerns_callers
from holdfast.services.catalog.change_records import describe_change, record
from holdfast.services.catalog.contexts import refuse_conflict
from holdfast.services.catalog.default_versions import MEMBER as DEFAULT_MEMBER
from holdfast.services.catalog.default_versions import refuse_taken_path, settle_versions
from holdfast.services.catalog.deployments import apply_deployment
from holdfast.services.catalog.endpoint_security import (
    NO_SECURITIES,
    NO_USES,
    Securities,
    Uses,
    bind_secrets,
    set_security,
)
from holdfast.services.catalog.endpoints import (
    NO_CONNECTIONS,
    NO_GROUPS,
    Connections,
    EndpointGroups,
    check_groups,
    describe_endpoints,
    read_endpoints,
    with_connection,
)
from holdfast.services.catalog.http1_fallback import forget_http1
from holdfast.services.catalog.prototypes import settle_mocks
from holdfast.services.errors import NotFound
from holdfast.services.trust.unused_trust import LeftBehind, origins_of, settle
from holdfast.services.versions import Expected, check_expected, make_api_tag
from holdfast.store.audit import Action, ApiEndpoints
from holdfast.store.catalog import api_documents, apis, revisions
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

    described: Described
    left: LeftBehind


def create_api(context: Context, draft: ApiDraft) -> Api:
    """Create an API in the state Created. Raises what `create_described` raises."""
    return create_described(context, draft).api


def create_described(context: Context, draft: ApiDraft) -> Described:
    """
    Create an API in the state Created; return it with all members of its description.

    Raises:
        InvalidFields: Some values are invalid.
        Conflict: The context or the name is taken.
        InvalidField: It is to be deployed to a group that doesn't exist.
        MutualTlsMissing: It requires caller certificates, but no gateway requests them.
    """
    context.user.require(Permission.CHANGE_APIS)
    described = check_draft(context, draft)
    with context.write() as session:
        return add_api(session, context, described)


def add_api(
    session: Session,
    context: Context,
    checked: Described,
    action: Action = Action.CREATE_API,
    original: Described | None = None,
) -> Described:
    """
    Add a checked API, which may be a copy of *original*, in the caller's transaction; return it as stored.

    Raises Conflict, InvalidField, MutualTlsMissing.
    """
    refuse_conflict(session, checked.api)
    described = _apply_members(session, context, original, checked)
    api = described.api
    refuse_taken_path(session, api)
    apis.insert(session, api)
    if described.members:
        api_documents.save_members(session, api, described.members)
    record(session, context, action, api, ApiEndpoints(describe_endpoints(api)))
    described = replace(described, api=settle_versions(session, context, api))
    return replace(described, api=settle_mocks(session, described))


def get_described(context: Context, api_id: str) -> Described:
    """Return an API with all members of its description. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return find_described(session, context, api_id)


def find_described(session: Session, context: Context, api_id: str) -> Described:
    """Return an API with all members of its description, in the caller's transaction. Raises NotFound."""
    api = find_api(session, context, api_id)
    return Described(api, api_documents.members_of(session, context.user.organization, [api_id]).get(api_id, {}))


def describe(context: Context, page: Collection[Api]) -> list[Described]:
    """Return APIs with the members of their descriptions."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        members = api_documents.members_of(session, context.user.organization, [api.id for api in page])
    return [Described(api, members.get(api.id, {})) for api in page]


def types_of(context: Context, page: Collection[Api]) -> dict[str, str]:
    """Return the types of APIs by id; those without a type are left out."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return api_documents.types_of(session, context.user.organization, [api.id for api in page])


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
    wanted: ApiFilter | None = None,
    offset: int = 0,
    limit: int | None = None,
    order: ApiOrder = DEFAULT_ORDER,
) -> tuple[list[Api], int]:
    """Return a page of the APIs that match *wanted*, in *order*, and the number of all matches."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return apis.find(session, context.user.organization, wanted or ApiFilter(), offset, limit, order)


def change_endpoints(
    context: Context,
    api_id: str,
    production: str | None,
    sandbox: str | None,
    connections: Connections = NO_CONNECTIONS,
    securities: Securities = NO_SECURITIES,
    groups: EndpointGroups = NO_GROUPS,
) -> ChangeOutcome:
    """Change the endpoints of an API; None removes one. Raises InvalidFields, NotFound."""
    context.user.require(Permission.CHANGE_APIS)
    return change_api(
        context,
        api_id,
        endpoints=(production, sandbox),
        connections=connections,
        securities=securities,
        groups=groups,
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
    """
    context.user.require(Permission.CHANGE_APIS, Permission.PUBLISH_APIS)
    check = Check()
    checked = read_endpoints(check, *endpoints) if endpoints else None
    text = check(rules.check_description, description) if description is not None else None
    kept = check(check_members, members or {}) or {}
    check.finish()
    with context.write() as session:
        before = find_described(session, context, api_id)
        check_expected(expected, make_api_tag(before))
        api = replace(
            before.api,
            description=before.api.description if text is None else text,
            production=with_connection(
                checked[0] if checked else before.api.production, before.api, connections, "production"
            ),
            sandbox=with_connection(checked[1] if checked else before.api.sandbox, before.api, connections, "sandbox"),
            production_group=groups.get("production", before.api.production_group),
            sandbox_group=groups.get("sandbox", before.api.sandbox_group),
            updated_at=context.now,
        )
        api = set_security(api, before.api, securities)
        check_groups(check, api)
        check.finish()
        if any(api.members(env) != before.api.members(env) for env in ENVIRONMENTS) or (
            (api.production_group, api.sandbox_group) != (before.api.production_group, before.api.sandbox_group)
        ):
            context.user.require(Permission.CHANGE_APIS)
        # Checked again: two small descriptions can be too large together.
        after = Described(api, check_members(merge_members(before.members, kept)))
        saved = save_described(session, context, before, after)
        if concerns_callers(before.api, saved.api):
            context.user.require(Permission.CHANGE_APIS)
        gone = origins_of(before.api) - origins_of(saved.api)
        return ChangeOutcome(saved, settle(session, context, gone, delete=delete_unused))


def save_described(
    session: Session,
    context: Context,
    before: Described,
    checked: Described,
) -> Described:
    """
    Save an API that was changed and checked, in the caller's transaction; return it as stored.

    Raises:
        InvalidField: Its caller certificates would no longer protect it, a group doesn't exist, or it is served and
            would get a type that no gateway serves.
        NotPermitted: It is served, and the user can't change where it is deployed.
        MutualTlsMissing: It would require caller certificates, but no gateway requests them.
    """
    after = _apply_members(session, context, before, checked)
    if after.api.state.is_live and (api_type := type_of(after.members)) != type_of(before.members):
        refuse_unserved_type(api_type)
    if after.api.is_default != before.api.is_default:
        refuse_taken_path(session, after.api)
    apis.update(session, after.api)
    forget_http1(session, before.api, after.api, context.now)
    if after.members != before.members:
        api_documents.save_members(session, after.api, after.members)
    record(session, context, Action.CHANGE_API, after.api, describe_change(before, after))
    after = replace(after, api=settle_versions(session, context, after.api))
    return replace(after, api=settle_mocks(session, after))


def _apply_members(session: Session, context: Context, before: Described | None, after: Described) -> Described:
    """Return *after* with the values of the API that its members decide."""
    check_implementation(before.members if before else {}, after.members)
    refuse_unreachable_type(type_of(after.members), rules.short_path_of(after.api.organization, ""))
    after = replace(after, api=bind_secrets(after.api, before.api if before else None, _uses(session, before, after)))
    after = apply_deployment(session, context, before, apply_requirements(session, context, before, after))
    is_default = after.members.get(DEFAULT_MEMBER) is True
    if before and before.api.id == after.api.id and before.members.get(DEFAULT_MEMBER) is is_default:
        is_default = before.api.is_default  # the migration chose one of several that claimed to be the default
    api = replace(after.api, is_default=is_default, rules=read_request_rules(after.members))
    return replace(after, api=api)


def _uses(session: Session, before: Described | None, after: Described) -> Uses:
    """Return the origins of revisions, if endpoint security must be kept for them."""
    has_secrets = before and (before.api.kept_security or any(endpoint.security for endpoint in before.api.endpoints))
    return revisions.origins_of(session, after.api) if has_secrets else NO_USES


def check_draft(context: Context, draft: ApiDraft) -> Described:
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
        production=with_connection(production, None, draft.connections, "production"),
        sandbox=with_connection(sandbox, None, draft.connections, "sandbox"),
        created_at=context.now,
        updated_at=context.now,
        production_group=draft.groups.get("production"),
        sandbox_group=draft.groups.get("sandbox"),
    )
    check_groups(check, api)
    check.finish()
    return Described(set_security(api, None, draft.securities), merge_members({}, members))
