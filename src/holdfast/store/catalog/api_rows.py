"""
APIs as rows of the database.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import read_connection
from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup, read_group
from holdfast.apis.catalog.prototype import read_stored, write_stored
from holdfast.apis.catalog.request_rules import NO_RULES, read_stored_rules
from holdfast.apis.errors import InvalidField
from holdfast.store.catalog import endpoint_security
from holdfast.store.catalog.deployments import Places
from holdfast.store.catalog.lifecycle_states import read_state, write_state
from holdfast.store.tables import ApiRow


def write_api(api: Api) -> ApiRow:
    """Return the row of *api*, which has no deployments."""
    return ApiRow(
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
    return Api(
        id=row.id,
        organization=row.organization_id,
        name=row.name,
        context=row.context,
        version=row.version,
        description=row.description,
        provider=row.provider,
        state=read_state(row),
        production=_read_endpoint(row.production_url, row.production_connection, row.production_security),
        sandbox=_read_endpoint(row.sandbox_url, row.sandbox_connection, row.sandbox_security),
        created_at=row.created_at,
        updated_at=row.updated_at,
        requires_certificate=row.requires_certificate,
        has_thumbnail=row.has_thumbnail,
        groups=places.groups,
        pinned=places.pinned,
        production_group=_read_group(row.production_group),
        sandbox_group=_read_group(row.sandbox_group),
        is_default=row.is_default,
        has_short_path=row.has_short_path,
        rules=read_stored_rules(row.request_rules) if row.request_rules else NO_RULES,
        mocks=None if row.mock_responses is None else read_stored(row.mock_responses),
        kept_security=endpoint_security.read_kept(row),
    )


def _write_connection(endpoint: Endpoint | None) -> dict[str, Any] | None:
    return (endpoint.connection.changed or None) if endpoint else None


def _read_group(values: Mapping[str, Any] | None) -> EndpointGroup | None:
    try:
        return read_group(values) if values else None
    except InvalidField:  # accepted by another version; the endpoint itself still works
        return None


def _read_endpoint(
    url: str | None, connection: Mapping[str, Any] | None, security: Mapping[str, Any] | None
) -> Endpoint | None:
    if not url:
        return None
    try:
        endpoint = parse_endpoint(url)
    except InvalidField:  # accepted by an earlier version; without an endpoint, requests can't reach the wrong host
        return None
    endpoint = replace(endpoint, connection=read_connection(connection)) if connection else endpoint
    return replace(endpoint, security=endpoint_security.read(security)) if security else endpoint
