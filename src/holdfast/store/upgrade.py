"""
Effects of an upgrade on callers and backends, read from tables of any revision.
"""

import json
import sqlite3
from dataclasses import dataclass

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import requires_certificate
from holdfast.store.revisions import list_schema_revisions, list_tables

OBEYED_SINCE = "0009"  # since this revision, `mutualssl` in a description makes the API require certificates


@dataclass(frozen=True, slots=True)
class NamedApi:
    """An API's organization, name and version."""

    organization: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} of {self.organization}"


def list_apis_to_be_closed(connection: sqlite3.Connection, revision: str) -> list[NamedApi]:
    """Return the APIs that anyone can call at *revision*, and that require client certificates after the upgrade."""
    revisions = list_schema_revisions()
    if revisions.index(revision) <= revisions.index(OBEYED_SINCE) or "api_document" not in list_tables(connection):
        return []
    query = (
        "SELECT api.organization_id, api.name, api.version, members FROM api_document JOIN api ON api.id = api_id "
        "WHERE lower(CAST(members AS TEXT)) LIKE '%mutualssl%' ORDER BY api.name, api.version"
    )
    return [
        NamedApi(organization, name, version)
        for organization, name, version, members in connection.execute(query)
        if requires_certificate(json.loads(members))
    ]


def list_apis_without_endpoint(connection: sqlite3.Connection) -> list[NamedApi]:
    """Return the APIs with an endpoint that an earlier version accepted and this one doesn't."""
    query = (
        "SELECT organization_id, name, version, production_url, sandbox_url FROM api "
        "WHERE production_url IS NOT NULL OR sandbox_url IS NOT NULL ORDER BY name, version"
    )
    return [
        NamedApi(organization, name, version)
        for organization, name, version, *urls in connection.execute(query)
        if any(url and not _is_accepted(url) for url in urls)
    ]


def _is_accepted(url: str) -> bool:
    try:
        parse_endpoint(url)
    except InvalidField:
        return False
    return True
