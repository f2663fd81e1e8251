"""
Queries for labels of APIs, endpoint certificates and trust settings.
"""

from collections import defaultdict

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.apis.label import LabeledKind, LabeledObject
from holdfast.store.chunks import split_values
from holdfast.store.tables import LabelRow

Column = InstrumentedAttribute[str]


def list_of_object(session: Session, organization: str, kind: LabeledKind, name: str) -> tuple[str, ...]:
    """Return the labels of the object *name*, sorted."""
    query = select(LabelRow.name).where(*_match_object(organization, kind, name))
    return tuple(sorted(session.scalars(query)))


def find(
    session: Session,
    organization: str,
    kind: LabeledKind | None = None,
    label: str = "",
    offset: int = 0,
    limit: int | None = None,
) -> tuple[list[LabeledObject], int]:
    """Return a page of the objects with labels, of a *kind* or with a *label*, by kind and name, and their number."""
    table = LabelRow
    query = select(table.kind, table.object).where(table.organization_id == organization).distinct()
    query = query.where(table.kind == kind) if kind else query
    query = query.where(table.name == label) if label else query
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = session.execute(query.order_by(table.kind, table.object).offset(offset).limit(limit)).all()
    labels = defaultdict[tuple[str, str], list[str]](list)
    own = (table.organization_id == organization, table.object.in_({row.object for row in page}))
    for row in session.execute(select(table.kind, table.object, table.name).where(*own).order_by(table.name)):
        labels[row.kind, row.object].append(row.name)
    objects = [
        LabeledObject(LabeledKind(row.kind), row.object, tuple(labels[row.kind, row.object]))
        for row in page
        if row.kind in set(LabeledKind)
    ]
    return objects, total


def replace(session: Session, organization: str, labeled_object: LabeledObject) -> None:
    """Store the labels of an object instead of those that it has."""
    remove(session, organization, labeled_object.kind, labeled_object.object)
    session.add_all(
        LabelRow(organization_id=organization, kind=labeled_object.kind, object=labeled_object.object, name=name)
        for name in labeled_object.labels
    )
    session.flush()


def remove(session: Session, organization: str, kind: LabeledKind, *names: str) -> None:
    """Delete the labels of the objects with these *names*, which are deleted."""
    table = LabelRow
    for chunk in split_values(names):
        these = (table.organization_id == organization, table.kind == kind, table.object.in_(chunk))
        session.execute(delete(table).where(*these), execution_options={"synchronize_session": False})


def has_label(
    organization: str, kind: LabeledKind, name: InstrumentedAttribute[str], label: str
) -> ColumnElement[bool]:
    """Return the condition that the object in the column *name* has *label*."""
    table = LabelRow
    is_same = (table.organization_id == organization, table.kind == kind, table.name == label, table.object == name)
    return select(table.object).where(*is_same).exists()


def _match_object(organization: str, kind: LabeledKind, name: str) -> tuple[ColumnElement[bool], ...]:
    return LabelRow.organization_id == organization, LabelRow.kind == kind, LabelRow.object == name
