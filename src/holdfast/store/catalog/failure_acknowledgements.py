"""
Queries for failing backends that users have acknowledged.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import Environment
from holdfast.store.tables import FailureAcknowledgementRow
from holdfast.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """*user* knows about the failures of a backend that began before *at* (aware)."""

    user: str
    at: datetime


def save(
    session: Session, organization: str, api_id: str, environment: Environment, acknowledgement: Acknowledgement
) -> None:
    """Insert or replace the acknowledgement of a backend."""
    table = FailureAcknowledgementRow
    values = {
        "api_id": api_id,
        "environment": environment,
        "organization_id": organization,
        "user": acknowledgement.user,
        "at": acknowledgement.at,
    }
    is_own = table.organization_id == organization
    session.execute(upsert(session, table, values, ["api_id", "environment"], where=is_own))


def remove(session: Session, organization: str, api_id: str, environment: Environment) -> None:
    """Delete the acknowledgement of a backend, if there is one."""
    table = FailureAcknowledgementRow
    this = (table.organization_id == organization, table.api_id == api_id, table.environment == environment)
    session.execute(delete(table).where(*this))


def list_of_organization(
    session: Session, organization: str, since: datetime
) -> dict[tuple[str, str], Acknowledgement]:
    """Return the acknowledgements since a time, by API and environment."""
    table = FailureAcknowledgementRow
    query = select(table).where(table.organization_id == organization, table.at >= since)
    return {(row.api_id, row.environment): Acknowledgement(row.user, row.at) for row in session.scalars(query)}
