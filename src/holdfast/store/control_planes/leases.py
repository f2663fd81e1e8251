"""
Queries for leases: which control plane does what must be done once, and whether it still may.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from holdfast.store.tables import LeaseRow
from holdfast.store.upsert import insert_into

LASTS = timedelta(seconds=10)  # since it was last renewed
LONGEST = timedelta(hours=1)  # a later end was stored while a clock was wrong, or isn't a time


@dataclass(frozen=True, slots=True)
class Tenure:
    """The time in which *holder*, the id of a control plane, has the lease *name*; each has another *term*."""

    name: str
    holder: str
    term: int


def take(session: Session, name: str, holder: str, now: datetime, lasts: timedelta = LASTS) -> Tenure | None:
    """Take or renew a lease at *now*, on the database's clock; return None while another control plane has it."""
    row = insert_into(session, LeaseRow).values(name=name, holder=holder, term=1, ends_at=now + lasts)
    term = case((LeaseRow.holder == holder, LeaseRow.term), else_=LeaseRow.term + 1)
    statement = row.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": holder, "term": term, "ends_at": now + lasts},
        where=(LeaseRow.holder == holder) | (LeaseRow.ends_at <= now) | (LeaseRow.ends_at > now + LONGEST),
    ).returning(LeaseRow.term)
    lease_term = session.scalar(statement)
    return None if lease_term is None else Tenure(name, holder, lease_term)


def is_free(session: Session, name: str, holder: str, now: datetime) -> bool:
    """Return whether *holder* has the lease, or can take it at *now*; waits for nobody."""
    row = session.execute(select(LeaseRow.holder, LeaseRow.ends_at).where(LeaseRow.name == name)).first()
    return row is None or row.holder == holder or not now < row.ends_at <= now + LONGEST


def holds(session: Session, tenure: Tenure) -> bool:
    """Return whether *tenure* lasts; if so, nobody else can take the lease until the session's transaction ends."""
    row = LeaseRow
    query = select(row.term).where(row.name == tenure.name, row.holder == tenure.holder, row.term == tenure.term)
    return session.scalar(query.with_for_update(read=True)) is not None


def get_holder(session: Session, name: str, now: datetime) -> str | None:
    """Return the id of the control plane that has the lease; None if nobody has it."""
    return session.scalar(select(LeaseRow.holder).where(LeaseRow.name == name, LeaseRow.ends_at > now))


def give_up(session: Session, name: str, holder: str, now: datetime) -> None:
    """End a lease, so that others can take it at once; does nothing if *holder* doesn't have it."""
    row = LeaseRow
    session.execute(update(row).where(row.name == name, row.holder == holder).values(ends_at=now))
