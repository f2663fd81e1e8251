"""
Queries for the groups of gateways that APIs are deployed to, as the working copy or as a revision.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.tables import ApiDeploymentRow, ApiRevisionRow, ApiRow
from holdfast.store.unindexed import disable_index


@dataclass(frozen=True, slots=True)
class Places:
    """The groups that an API is deployed to; those that serve a revision, with its id, are *pinned*."""

    groups: frozenset[str] = frozenset()
    pinned: frozenset[tuple[str, str]] = frozenset()


NOWHERE = Places()
# By way of the API, because SQLite would read the deployments of the whole organization.
_PLACES = (
    select(ApiDeploymentRow.api_id, ApiDeploymentRow.group_name, ApiDeploymentRow.revision_id)
    .join(ApiRow, ApiRow.id == ApiDeploymentRow.api_id)
    .where(disable_index(ApiRow.organization_id) == ORGANIZATION, ApiRow.id.in_(VALUES))
)


@dataclass(frozen=True, slots=True)
class RevisionDeployment:
    """A revision, by id and number, that is deployed to a group."""

    group: str
    revision_id: str
    number: int
    at: datetime
    display_on_devportal: bool


def list_places(session: Session, organization: str, ids: Sequence[str]) -> dict[str, Places]:
    """Return where the APIs with these ids are deployed, without those that are deployed nowhere."""
    groups: dict[str, set[str]] = defaultdict(set)
    pinned: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for parameters in bind(organization, ids):
        for api_id, group, revision_id in session.execute(_PLACES, parameters):
            groups[api_id].add(group)
            if revision_id:
                pinned[api_id].add((group, revision_id))
    # Most APIs have the same places, and one value serves them all.
    unique_places: dict[Places, Places] = {}
    return {
        api_id: unique_places.setdefault(
            places := Places(frozenset(api_groups), frozenset(pinned.get(api_id, ()))), places
        )
        for api_id, api_groups in groups.items()
    }


def replace(session: Session, api: Api) -> None:
    """Store the groups that *api* is deployed to: new ones serve the working copy, others what they served before."""
    table = ApiDeploymentRow
    this = (table.organization_id == api.organization, table.api_id == api.id)
    before = set(session.scalars(select(table.group_name).where(*this)))
    if obsolete_groups := before - api.groups:
        session.execute(delete(table).where(*this, table.group_name.in_(obsolete_groups)))
    for group in sorted(api.groups - before):
        session.add(table(api_id=api.id, group_name=group, organization_id=api.organization))
    session.flush()


def pin(session: Session, api: Api, group: str, revision_id: str, at: datetime, *, display_on_devportal: bool) -> None:
    """Let *group* serve a revision of *api*, whatever it served before."""
    values = {"revision_id": revision_id, "deployed_at": at, "display_on_devportal": display_on_devportal}
    table = ApiDeploymentRow
    this = (table.organization_id == api.organization, table.api_id == api.id, table.group_name == group)
    row = session.scalar(select(table).where(*this))
    if row is None:
        row = table(api_id=api.id, group_name=group, organization_id=api.organization)
        session.add(row)
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()


def list_revisions(session: Session, organization: str, api_id: str) -> list[RevisionDeployment]:
    """Return the deployments of revisions of an API, ordered by group."""
    table, revision = ApiDeploymentRow, ApiRevisionRow
    columns = (table.group_name, table.revision_id, revision.number, table.deployed_at, table.display_on_devportal)
    query = select(*columns).join(revision, revision.id == table.revision_id)
    query = query.where(table.organization_id == organization, table.api_id == api_id)
    rows = session.execute(query.order_by(table.group_name))
    return [
        RevisionDeployment(group, revision_id, number, at, shown)
        for group, revision_id, number, at, shown in rows
        if revision_id and at
    ]


def count_by_group(session: Session) -> dict[str, int]:
    """Return how many APIs of all organizations are deployed to each group; groups without APIs are left out."""
    table = ApiDeploymentRow
    query = select(table.group_name, func.count()).group_by(table.group_name)
    return {row[0]: row[1] for row in session.execute(query)}
