"""
Read-only queries across all organizations, for inspecting a database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import create_engine, exists, func, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from holdfast.store.catalog import endpoint_security
from holdfast.store.sqlite.files import connect_to_read
from holdfast.store.tables import (
    ApiRow,
    CallerCertificateRow,
    EndpointCertificateRow,
    GatewayAuthorityRow,
    GatewayCertificateRow,
    GatewayIdentityRow,
    GatewayRow,
    IdentityChainRow,
    NotificationChannelRow,
    TrustedCertificateRow,
    TrustSettingsRow,
)

GATEWAY_CA = "the gateway CA"
_AT_ONCE = 1_000


@contextmanager
def open_to_inspect(path: Path) -> Iterator[Session]:
    """Open a database read-only, whether or not a Holdfast runs on it. Raises sqlalchemy.exc.DatabaseError."""
    engine = create_engine(
        "sqlite://", creator=partial(connect_to_read, path), poolclass=NullPool, hide_parameters=True
    )
    with Session(engine) as session:
        yield session
    engine.dispose()


def list_sealed_secrets(session: Session) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield each sealed secret (keys, credentials): organization, row id, what it is for, sealed bytes."""
    table = GatewayIdentityRow
    for column in (table.sealed_key, table.request_sealed_key):
        query = select(table.organization_id, table.id, table.origin, column).where(column.is_not(None))
        for row in session.execute(query.execution_options(yield_per=_AT_ONCE)):
            yield row[0], row[1], row[2], row[3] or b""
    authority = GatewayAuthorityRow
    for ca in session.execute(select(authority.organization_id, authority.id, authority.sealed_key)):
        yield ca[0], ca[1], GATEWAY_CA, ca[2]
    for organization, secret in endpoint_security.list_secrets(session):
        yield organization, secret.id, ", ".join(sorted(secret.origins)), secret.sealed
    channel = NotificationChannelRow
    for row in session.execute(select(channel.organization_id, channel.id, channel.name, channel.sealed)):
        yield row[0], row[1], f"the notification channel {row[2]}", row[3]


def list_trusted_certificates(session: Session) -> Iterator[tuple[str, str, bytes]]:
    """Yield each certificate that is currently trusted: organization, alias, DER."""
    table = EndpointCertificateRow
    query = select(table.organization_id, table.alias, TrustedCertificateRow.der)
    query = query.join(TrustedCertificateRow, TrustedCertificateRow.endpoint_certificate_id == table.id).order_by(
        table.alias, table.organization_id, TrustedCertificateRow.position
    )
    for row in session.execute(query.where(~TrustedCertificateRow.previous).execution_options(yield_per=_AT_ONCE)):
        yield row[0], row[1], row[2]


def list_presented_certificates(session: Session) -> Iterator[tuple[str, str, bytes]]:
    """Yield the first certificate of each gateway identity: organization, origin, DER."""
    table = GatewayIdentityRow
    query = select(table.organization_id, table.origin, IdentityChainRow.der)
    query = query.join(IdentityChainRow, IdentityChainRow.client_certificate_id == table.id)
    for row in session.execute(query.where(IdentityChainRow.position == 0).execution_options(yield_per=_AT_ONCE)):
        yield row[0], row[1], row[2]


def list_calling_certificates(session: Session) -> Iterator[tuple[str, str, bytes]]:
    """Yield each caller certificate: organization, alias and API, DER."""
    table = CallerCertificateRow
    query = select(table.organization_id, table.alias, ApiRow.name, ApiRow.version, table.der)
    query = query.join(ApiRow, ApiRow.id == table.api_id).order_by(
        ApiRow.name, ApiRow.version, table.alias, table.organization_id
    )
    for row in session.execute(query.execution_options(yield_per=_AT_ONCE)):
        yield row[0], f"{row[1]} for {row[2]} {row[3]}", row[4]


def list_gateway_expiries(session: Session) -> dict[str, datetime]:
    """Return when the newest certificate of each gateway that has joined expires, by the gateway's name."""
    query = select(GatewayRow.name, func.max(GatewayCertificateRow.not_after))
    query = query.join(GatewayCertificateRow, GatewayCertificateRow.gateway_id == GatewayRow.id)
    return {row[0]: row[1] for row in session.execute(query.group_by(GatewayRow.name).order_by(GatewayRow.name))}


def list_without_callers(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Return the APIs that require a caller certificate but accept none at *now*: organization, name and version."""
    table = CallerCertificateRow
    valid = exists().where(table.api_id == ApiRow.id, table.not_before <= now, table.not_after >= now)
    query = select(ApiRow.organization_id, ApiRow.name, ApiRow.version).where(ApiRow.requires_certificate, ~valid)
    return [
        (row[0], f"{row[1]} {row[2]}")
        for row in session.execute(query.order_by(ApiRow.name, ApiRow.version, ApiRow.organization_id))
    ]


def list_exceptions(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Return the origins with an exception at *now*, the first to expire first: organization, origin."""
    table = TrustSettingsRow
    query = select(table.organization_id, table.origin).where(table.exception_ends_at > now)
    return [
        (row[0], row[1])
        for row in session.execute(query.order_by(table.exception_ends_at, table.organization_id, table.origin))
    ]
