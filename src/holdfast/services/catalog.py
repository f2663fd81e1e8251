"""
The APIs of an organization: create, find, change, move through the lifecycle, delete.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from holdfast.apis import api as rules
from holdfast.apis.api import Api
from holdfast.apis.endpoint import Endpoint, parse_endpoint
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.apis.lifecycle import State, transit
from holdfast.services.errors import Conflict, NotFound
from holdfast.services.permissions import Permission
from holdfast.services.principal import Principal
from holdfast.store import apis, journal
from holdfast.store.apis import ApiFilter
from holdfast.store.database import Store
from holdfast.store.journal import AuditEvent

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ApiDraft:
    """What a person says about an API; None for an endpoint that it does not have."""

    name: str
    context: str
    version: str
    production: str | None = None
    sandbox: str | None = None
    description: str = ""


def create_api(store: Store, who: Principal, draft: ApiDraft, now: datetime) -> Api:
    """
    Create an API in the state Created.

    Raises:
        InvalidFields: Some values cannot be used.
        Conflict: Its context or name is taken.
    """
    who.require(Permission.CHANGE_APIS)
    api = _checked(draft, who, now)
    with store.write() as session:
        _refuse_conflict(session, api)
        apis.insert(session, api)
        _written(session, who, "create API", api, f"endpoints {_urls(api)}", now)
    return api


def get_api(store: Store, who: Principal, api_id: str) -> Api:
    """Find an API. Raises NotFound."""
    who.require(Permission.VIEW_APIS)
    with store.read() as session:
        return _found(session, who, api_id)


def list_apis(
    store: Store, who: Principal, wanted: ApiFilter | None = None, offset: int = 0, limit: int | None = None
) -> tuple[list[Api], int]:
    """List APIs by name, with the number of all that fit."""
    who.require(Permission.VIEW_APIS)
    with store.read() as session:
        return apis.find(session, who.organization, wanted or ApiFilter(), offset, limit)


def change_endpoints(
    store: Store, who: Principal, api_id: str, production: str | None, sandbox: str | None, now: datetime
) -> Api:
    """Give an API other endpoints; None takes one away. Raises InvalidFields, NotFound."""
    return change_api(store, who, api_id, now, endpoints=(production, sandbox))


def change_api(
    store: Store,
    who: Principal,
    api_id: str,
    now: datetime,
    *,
    description: str | None = None,
    endpoints: tuple[str | None, str | None] | None = None,
) -> Api:
    """
    Give an API another description and other endpoints (production, sandbox); None keeps what it has.

    Raises:
        InvalidFields: A value cannot be used.
        NotFound: There is no such API.
    """
    who.require(Permission.CHANGE_APIS)
    check = _Check()
    checked = _endpoints(check, *endpoints) if endpoints else None
    text = check(rules.check_description, description) if description is not None else None
    check.finish()
    with store.write() as session:
        before = _found(session, who, api_id)
        after = replace(
            before,
            description=before.description if text is None else text,
            production=checked[0] if checked else before.production,
            sandbox=checked[1] if checked else before.sandbox,
            updated_at=now,
        )
        apis.update(session, after)
        _written(session, who, "change API", after, f"endpoints {_urls(before)} -> {_urls(after)}", now)
    return after


def change_lifecycle(store: Store, who: Principal, api_id: str, action: str, now: datetime) -> Api:
    """
    Move an API through its lifecycle.

    Raises:
        TransitionRefused: There is no such action from its state.
        NotFound: There is no such API.
    """
    who.require(Permission.PUBLISH_APIS)
    with store.write() as session:
        before = _found(session, who, api_id)
        after = replace(before, state=transit(before.state, action), updated_at=now)
        apis.update(session, after)
        _written(session, who, "change lifecycle", after, f"{before.state} -> {after.state}", now)
    return after


def delete_api(store: Store, who: Principal, api_id: str, now: datetime) -> None:
    """Delete an API; its certificates stay, for they belong to the endpoint. Raises NotFound."""
    who.require(Permission.DELETE_APIS)
    with store.write() as session:
        api = _found(session, who, api_id)
        apis.remove(session, api)
        _written(session, who, "delete API", api, f"endpoints {_urls(api)}", now)


class _Check:
    """Collects what is wrong with several fields, so that all of it is said at once."""

    def __init__(self) -> None:
        self._errors: list[InvalidField] = []

    def __call__(self, check: Callable[[str], T], value: str) -> T | None:
        try:
            return check(value)
        except InvalidField as error:
            self._errors.append(error)
            return None

    def finish(self) -> None:
        if self._errors:
            raise InvalidFields(self._errors)


def _checked(draft: ApiDraft, who: Principal, now: datetime) -> Api:
    check = _Check()
    name = check(rules.check_name, draft.name)
    context = check(rules.check_context, draft.context)
    version = check(rules.check_version, draft.version)
    description = check(rules.check_description, draft.description)
    production, sandbox = _endpoints(check, draft.production, draft.sandbox)
    check.finish()
    return Api(
        id=str(uuid.uuid4()),
        organization=who.organization,
        name=name or "",
        context=context or "",
        version=version or "",
        description=description or "",
        provider=who.user,
        state=State.CREATED,
        production=production,
        sandbox=sandbox,
        created_at=now,
        updated_at=now,
    )


def _endpoints(check: _Check, production: str | None, sandbox: str | None) -> tuple[Endpoint | None, Endpoint | None]:
    first = None if production is None else check(lambda url: parse_endpoint(url, "production"), production)
    second = None if sandbox is None else check(lambda url: parse_endpoint(url, "sandbox"), sandbox)
    return first, second


def _refuse_conflict(session: Session, api: Api) -> None:
    for other in apis.sharing_name_or_context(session, api.organization, api.name, api.context):
        same_name = other.name.lower() == api.name.lower()
        if other.context == api.context and (not same_name or other.version == api.version):
            raise Conflict("context", f"The context {api.context} belongs to {other.name} {other.version} already.")
        if same_name and (other.context != api.context or other.version == api.version):
            raise Conflict("name", f"There is an API called {other.name} with the context {other.context} already.")


def _found(session: Session, who: Principal, api_id: str) -> Api:
    api = apis.get(session, who.organization, api_id)
    if api is None:
        raise NotFound("API", api_id)
    return api


def _written(session: Session, who: Principal, action: str, api: Api, detail: str, now: datetime) -> None:
    subject = f"{api.name} {api.version} ({api.id})"
    journal.record(session, AuditEvent(who.organization, now, who.user, action, subject, detail))
    journal.announce(session, who.organization, "api", api.id, now)


def _urls(api: Api) -> str:
    return " and ".join(endpoint.url for endpoint in api.endpoints) or "none"
