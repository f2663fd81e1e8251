"""
Queries for the groups of gateways that APIs are deployed to.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Row, Select, delete, func, select
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.store.tables import ApiDeploymentRow

_CHUNK = 500  # ids in one query


def groups_of(session: Session, organization: str, ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the groups that the APIs with these ids are deployed to."""
    table = ApiDeploymentRow
    query = select(table.api_id, table.group_name).where(table.organization_id == organization)
    groups: dict[str, set[str]] = defaultdict(set)
    for api_id, group in _in_chunks(session, query, ids):
        groups[api_id].add(group)
    # Most APIs have the same groups, and one set serves them all.
    known: dict[frozenset[str], frozenset[str]] = {}
    return {api_id: known.setdefault(names := frozenset(of_api), names) for api_id, of_api in groups.items()}


def _in_chunks(session: Session, query: Select[str, str], ids: Sequence[str]) -> Iterable[Row[str, str]]:
    for start in range(0, len(ids), _CHUNK):
        yield from session.execute(query.where(ApiDeploymentRow.api_id.in_(ids[start : start + _CHUNK])))


def replace(session: Session, api: Api) -> None:
    """Store the groups that *api* is deployed to."""
    table = ApiDeploymentRow
    this = (table.organization_id == api.organization, table.api_id == api.id)
    before = set(session.scalars(select(table.group_name).where(*this)))
    if gone := before - api.groups:
        session.execute(delete(table).where(*this, table.group_name.in_(gone)))
    for group in sorted(api.groups - before):
        session.add(table(api_id=api.id, group_name=group, organization_id=api.organization))
    session.flush()


def count_by_group(session: Session) -> dict[str, int]:
    """Return how many APIs of all organizations are deployed to each group; groups without APIs are left out."""
    table = ApiDeploymentRow
    query = select(table.group_name, func.count()).group_by(table.group_name)
    return {row[0]: row[1] for row in session.execute(query)}
