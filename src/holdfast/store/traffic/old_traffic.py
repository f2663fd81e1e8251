"""
Deleting traffic of the past, one period after the other, so that no writer waits long.
"""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from holdfast.store.tables import TrafficCauseRow, TrafficCoverageRow, TrafficRow, TrafficSourceRow

TABLES = (TrafficRow, TrafficCauseRow, TrafficCoverageRow)
Periods = type[TrafficRow] | type[TrafficCauseRow] | type[TrafficCoverageRow]


def find_oldest(session: Session, table: Periods, resolution: int, before: datetime) -> datetime | None:
    """Return the start of the oldest period of *resolution* in *table*, if it is *before* this time."""
    query = select(func.min(table.at)).where(table.resolution == resolution, table.at < before)
    return session.scalars(query).one()


def delete_period(session: Session, table: Periods, resolution: int, at: datetime) -> None:
    """Delete the rows of one period."""
    session.execute(delete(table).where(table.resolution == resolution, table.at == at))


def delete_sources(session: Session, before: datetime) -> None:
    """Delete the numbers of parts of sources that stored nothing since *before*."""
    session.execute(delete(TrafficSourceRow).where(TrafficSourceRow.stored_at < before))
