"""
Queries for revisions of APIs.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.revision import Revision, RevisionContent
from holdfast.apis.errors import UnreadableData
from holdfast.store.catalog.api_rows import read_api, write_api
from holdfast.store.catalog.deployments import Places
from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import ApiRevisionRow, ApiRow

_COLUMNS = (
    ApiRevisionRow.id,
    ApiRevisionRow.api_id,
    ApiRevisionRow.organization_id,
    ApiRevisionRow.number,
    ApiRevisionRow.description,
    ApiRevisionRow.created_by,
    ApiRevisionRow.created_at,
)

_SETTINGS_OF_SOME = select(ApiRevisionRow.id, ApiRevisionRow.number, ApiRevisionRow.settings).where(
    ApiRevisionRow.organization_id == ORGANIZATION, ApiRevisionRow.id.in_(VALUES)
)

# What a revision keeps: everything about endpoints except credentials. All else is always current, such as the state.
_SETTINGS = tuple(
    column
    for column in ApiRow.__table__.columns
    if column.key in {"description", "request_rules", "mock_responses"}
    or (column.key.startswith(("production_", "sandbox_")) and not column.key.endswith("_security"))
)


def write_settings(api: Api) -> dict[str, Any]:
    """Return what a revision of *api* keeps: columns, as JSON."""
    row = write_api(api)
    return {column.key: getattr(row, column.key) for column in _SETTINGS}


def apply_settings(api: Api, settings: Mapping[str, Any]) -> Api:
    """Return *api* with the settings of a revision; those that its version didn't know have no value."""
    row = write_api(api)
    for column in _SETTINGS:
        setattr(row, column.key, settings.get(column.key))
    return read_api(row, Places(api.groups, api.pinned))


def take_number(session: Session, api: Api) -> int:
    """Return the number for the next revision of *api*, which no revision had."""
    this = (ApiRow.organization_id == api.organization, ApiRow.id == api.id)
    session.execute(update(ApiRow).where(*this).values(last_revision=ApiRow.last_revision + 1))
    return session.scalars(select(ApiRow.last_revision).where(*this)).one()


def insert(session: Session, revision: Revision, content: RevisionContent) -> None:
    """Insert a new revision."""
    session.add(
        ApiRevisionRow(
            id=revision.id,
            api_id=revision.api_id,
            organization_id=revision.organization,
            number=revision.number,
            description=revision.description,
            created_by=revision.created_by,
            created_at=revision.created_at,
            settings=dict(content.settings),
            members=dict(content.members),
            definition=content.definition,
        )
    )
    session.flush()


def remove(session: Session, revision: Revision) -> None:
    """Delete a revision, which must not be deployed."""
    table = ApiRevisionRow
    session.execute(delete(table).where(table.organization_id == revision.organization, table.id == revision.id))


def count(session: Session, api: Api) -> int:
    """Return how many revisions *api* has."""
    table = ApiRevisionRow
    this = (table.organization_id == api.organization, table.api_id == api.id)
    return session.scalar(select(func.count()).select_from(table).where(*this)) or 0


def list_of_api(session: Session, organization: str, api_id: str) -> list[Revision]:
    """Return the revisions of an API, the oldest first."""
    query = _select(organization).where(ApiRevisionRow.api_id == api_id)
    return [Revision(*row) for row in session.execute(query.order_by(ApiRevisionRow.number))]


def get(session: Session, organization: str, revision_id: str) -> Revision | None:
    """Return the revision with this id."""
    row = session.execute(_select(organization).where(ApiRevisionRow.id == revision_id)).one_or_none()
    return Revision(*row) if row else None


def get_content(session: Session, revision: Revision) -> RevisionContent:
    """
    Return what *revision* keeps.

    Raises NoResultFound if it doesn't exist anymore, and UnreadableData if it can't be read.
    """
    table = ApiRevisionRow
    query = select(table.settings, table.members, table.definition)
    this = (table.organization_id == revision.organization, table.id == revision.id)
    settings, members, definition = session.execute(query.where(*this)).one()
    if not (isinstance(settings, dict) and isinstance(members, dict)):
        raise UnreadableData(revision.name, "Delete it, and create a new one.")
    return RevisionContent(settings, members, definition)


def find_deployed(session: Session, organization: str, batch: Collection[Api]) -> dict[str, tuple[Api, ...]]:
    """
    Return for each API of *batch*, by id, what its groups serve: the working copy, revisions, or both.

    The `groups` of each value are those that serve it. Groups whose revision is missing serve nothing.
    """
    numbers, settings = {}, {}
    for parameters in bind(organization, (revision_id for api in batch for _, revision_id in api.pinned)):
        for row in session.execute(_SETTINGS_OF_SOME, parameters):
            numbers[row.id], settings[row.id] = row.number, row.settings
    return {api.id: tuple(_divide(api, numbers, settings)) for api in batch}


def _divide(api: Api, numbers: Mapping[str, int], settings: Mapping[str, Mapping[str, Any]]) -> Iterator[Api]:
    working_copy_groups = api.working_copy_groups
    if working_copy_groups:
        yield replace(api, groups=working_copy_groups) if api.pinned else api
    for revision_id in sorted({revision_id for _, revision_id in api.pinned} & settings.keys()):
        groups = frozenset(group for group, pinned_id in api.pinned if pinned_id == revision_id)
        # A revision that can't be read is served no more than one that is missing.
        if own := _read_settings(api, settings[revision_id]):
            yield replace(own, revision=numbers[revision_id], groups=groups)


def _read_settings(api: Api, settings: Mapping[str, Any]) -> Api | None:
    return read_stored(partial(apply_settings, api, settings), "revision", api.organization, api=api.id)


def list_origins(session: Session, api: Api) -> dict[Environment, set[frozenset[str]]]:
    """Return the origins that each revision of *api* has in each environment."""
    table = ApiRevisionRow
    query = select(table.settings).where(table.organization_id == api.organization, table.api_id == api.id)
    variants = [own for settings in session.scalars(query) if (own := _read_settings(api, settings))]
    return {environment: {variant.list_origins(environment) for variant in variants} for environment in ENVIRONMENTS}


def list_deployed(session: Session, organization: str, batch: Collection[Api]) -> Iterable[Api]:
    """Return what groups serve of the APIs of *batch*, as one list."""
    return [api for variant in find_deployed(session, organization, batch).values() for api in variant]


def _select(organization: str) -> Select[str, str, str, int, str, str, Any]:
    return select(*_COLUMNS).where(ApiRevisionRow.organization_id == organization)
