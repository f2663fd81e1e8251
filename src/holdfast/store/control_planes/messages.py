"""
Queries for messages from one control plane to another.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, or_, select, tuple_
from sqlalchemy.orm import Session

from holdfast.store.tables import MessageRow

MAX_SEALED = 24 * 1024 * 1024  # bytes; tasks for gateways are the longest messages
AT_ONCE = 20  # messages that are read
Key = tuple[str, int]  # sender, number


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """A message as it is stored. Sender and recipient are the ids of control planes."""

    sender: str
    number: int
    recipient: str
    kind: str
    sealed: bytes
    sent_at: datetime

    @property
    def key(self) -> Key:
        """The primary key."""
        return self.sender, self.number


def add(session: Session, messages: Sequence[SealedMessage]) -> None:
    """Insert *messages*."""
    values = [
        {
            "sender": message.sender,
            "number": message.number,
            "recipient": message.recipient,
            "kind": message.kind,
            "sealed": message.sealed,
            "sent_at": message.sent_at,
        }
        for message in messages
    ]
    if values:
        session.execute(insert(MessageRow), values)


def find_unread(session: Session, recipient: str, beyond: Collection[Key]) -> list[SealedMessage]:
    """Return some messages to *recipient*, each sender's in order, without those with the keys *beyond*."""
    table = MessageRow
    query = select(table).where(table.recipient == recipient, func.length(table.sealed) <= MAX_SEALED)
    if beyond:
        query = query.where(tuple_(table.sender, table.number).not_in(beyond))
    rows = session.scalars(query.order_by(table.sender, table.number).limit(AT_ONCE))
    return [SealedMessage(row.sender, row.number, row.recipient, row.kind, row.sealed, row.sent_at) for row in rows]


def remove(session: Session, keys: Collection[Key]) -> None:
    """Delete the messages with these *keys*."""
    row = MessageRow
    if keys:
        session.execute(delete(row).where(tuple_(row.sender, row.number).in_(keys)))


def remove_old(session: Session, own: str, live: Collection[str], before: datetime, after: datetime) -> None:
    """
    Delete what *own* sent, and what was sent to or by a control plane that isn't among the *live*.

    Only messages from *before* one time or *after* another, which is so far ahead that nobody would accept them.
    """
    row = MessageRow
    is_over = or_(row.sender == own, row.recipient.not_in(live), row.sender.not_in(live))
    session.execute(delete(row).where(or_(row.sent_at < before, row.sent_at > after), is_over))
