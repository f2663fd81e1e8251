"""
Messages from one control plane to another.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class MessageRow(Table):
    """A message that its recipient hasn't read yet."""

    __tablename__ = "message"
    sender: Mapped[str] = mapped_column(primary_key=True)  # the id of a control plane, as is the recipient
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # of the sender's messages
    recipient: Mapped[str]
    kind: Mapped[str]
    sealed: Mapped[bytes]
    sent_at: Mapped[datetime]  # on the sender's clock
    __table_args__ = (Index("message_by_recipient", "recipient", "sender", "number"),)
