"""
APIs as rows of the database.

A part that can't be read is named in `Api.unreadable`, and replaced with what lets no request through: no operation, no
response, a credential without a secret, the state BLOCKED. Only connection settings become the defaults.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import ConnectionSettings, read_connection
from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup, read_group
from holdfast.apis.catalog.endpoint_security import UNKNOWN_SECURITY, EndpointSecurity
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.catalog.prototype import read_stored as read_mock_responses
from holdfast.apis.catalog.prototype import write_stored
from holdfast.apis.catalog.request_rules import NO_OPERATIONS, NO_RULES, read_stored_rules
from holdfast.apis.definitions.mock_responses import MockResponse
from holdfast.apis.errors import InvalidField
from holdfast.store.catalog import endpoint_security
from holdfast.store.catalog.deployments import NOWHERE, Places
from holdfast.store.catalog.lifecycle_states import read_state, write_state
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import ApiRow

T = TypeVar("T")
_COLUMNS = {  # of the parts that `Api.unreadable` names
    "state": ("state", "newer_state", "newer_state_at"),
    "connection settings": ("production_connection", "sandbox_connection"),
    "endpoint security": ("production_security", "sandbox_security"),
    "endpoint group": ("production_group", "sandbox_group"),
    "request rules": ("request_rules",),
    "mock responses": ("mock_responses",),
}


def write_api(api: Api) -> ApiRow:
    """Return the row of *api*, which has no deployments."""
    return ApiRow(**_write_values(api))


def write_changed_api(api: Api, stored_row: ApiRow) -> ApiRow:
    """Return the row of *api*, without columns that can't be read, unless they were changed."""
    values = _write_values(api)
    if api.unreadable:
        before = _write_values(read_api(stored_row, NOWHERE))
        columns = [column for part in api.unreadable for column in _COLUMNS[part]]
        values = {name: value for name, value in values.items() if name not in columns or value != before[name]}
    return ApiRow(**values)


def _write_values(api: Api) -> dict[str, Any]:
    return dict(
        id=api.id,
        organization_id=api.organization,
        name=api.name,
        context=api.context,
        version=api.version,
        description=api.description,
        provider=api.provider,
        **write_state(api),
        production_url=api.production.url if api.production else None,
        production_origin=str(api.production.origin) if api.production else None,
        sandbox_url=api.sandbox.url if api.sandbox else None,
        sandbox_origin=str(api.sandbox.origin) if api.sandbox else None,
        production_connection=_write_connection(api.production),
        sandbox_connection=_write_connection(api.sandbox),
        production_security=endpoint_security.write_column(api, "production"),
        sandbox_security=endpoint_security.write_column(api, "sandbox"),
        production_group=api.production_group.values if api.production_group else None,
        sandbox_group=api.sandbox_group.values if api.sandbox_group else None,
        created_at=api.created_at,
        updated_at=api.updated_at,
        requires_certificate=api.requires_certificate,
        has_thumbnail=api.has_thumbnail,
        is_default=api.is_default,
        has_short_path=api.has_short_path,
        request_rules=api.rules.members or None,
        mock_responses=None if api.mocks is None else write_stored(api.mocks),
    )


def read_api(row: ApiRow, places: Places) -> Api:
    """Return the API in *row*, which is deployed to *places*."""
    parts = _Parts(row)
    no_mocks: tuple[MockResponse, ...] = ()
    return Api(
        id=row.id,
        organization=row.organization_id,
        name=row.name,
        context=row.context,
        version=row.version,
        description=row.description,
        provider=row.provider,
        state=parts.read("state", partial(read_state, row), State.BLOCKED),
        production=parts.read_endpoint(row.production_url, row.production_connection, row.production_security),
        sandbox=parts.read_endpoint(row.sandbox_url, row.sandbox_connection, row.sandbox_security),
        created_at=row.created_at,
        updated_at=row.updated_at,
        requires_certificate=row.requires_certificate,
        has_thumbnail=row.has_thumbnail,
        groups=places.groups,
        pinned=places.pinned,
        production_group=parts.read_group(row.production_group),
        sandbox_group=parts.read_group(row.sandbox_group),
        is_default=row.is_default,
        has_short_path=row.has_short_path,
        rules=NO_RULES
        if row.request_rules is None
        else parts.read("request rules", partial(read_stored_rules, row.request_rules), NO_OPERATIONS),
        mocks=None
        if row.mock_responses is None
        else parts.read("mock responses", partial(read_mock_responses, row.mock_responses), no_mocks),
        kept_security=parts.read("endpoint security", partial(endpoint_security.read_kept, row), ()),
        unreadable=parts.unreadable,
    )


class _Parts:
    """Reads the parts of an API; *unreadable* are those that can't be read."""

    def __init__(self, row: ApiRow) -> None:
        self._row = row
        self._unreadable: dict[str, None] = {}

    @property
    def unreadable(self) -> tuple[str, ...]:
        return tuple(self._unreadable)

    def read(self, part: str, read: Callable[[], T], otherwise: T) -> T:
        """Return what *read* returns, or *otherwise* if the part can't be read."""
        value = read_stored(read, part, self._row.organization_id, api=self._row.id)
        if value is not None:
            return value
        self._unreadable[part] = None
        return otherwise

    def read_endpoint(
        self, url: str | None, connection: Mapping[str, Any] | None, security: Mapping[str, Any] | None
    ) -> Endpoint | None:
        """Return an endpoint with its settings; None if there is no *url*."""
        if not url:
            return None
        try:
            endpoint = parse_endpoint(url)
        except InvalidField:  # accepted by an earlier version; without an endpoint, requests can't reach the wrong host
            return None
        if connection is not None:
            settings = self.read("connection settings", partial(read_connection, connection), ConnectionSettings())
            endpoint = replace(endpoint, connection=settings)
        return endpoint if security is None else replace(endpoint, security=self._read_security(security))

    def read_group(self, values: Mapping[str, Any] | None) -> EndpointGroup | None:
        """Return a group; None without one, or if it can't be read: the endpoint itself still works."""
        return None if values is None else self.read("endpoint group", partial(read_group, values), None)

    def _read_security(self, values: Mapping[str, Any]) -> EndpointSecurity | None:
        # There may be none: the column also has what is kept for revisions.
        otherwise: tuple[EndpointSecurity | None] = (UNKNOWN_SECURITY,)
        return self.read("endpoint security", lambda: (endpoint_security.read(values),), otherwise)[0]


def _write_connection(endpoint: Endpoint | None) -> dict[str, Any] | None:
    return (endpoint.connection.changed or None) if endpoint else None
