"""
Sealed messages between control planes, which nobody can read, write or repeat without the sealing key.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from uuid import UUID

from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.store.control_planes.messages import SealedMessage
from holdfast.store.sealing import CannotUnseal, Sealing

MAX_AGE = timedelta(minutes=5)  # including what the clocks of two control planes may differ
_MAX_SENDERS = 10_000  # whose last number is remembered
_HEAD = 17  # bytes: the verb, and the id of the conversation
_NO_ORGANIZATION = ""


class Verb(IntEnum):
    """The purpose of a message in its conversation."""

    ASK = 1
    ANSWER = 2
    DONE = 3  # there are no more answers
    FAIL = 4
    END = 5  # the asker no longer waits for answers


class BadMessage(ValueError):
    """A stored message that is ignored; the text says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a *conversation*, which the asker began; *kind* is that of the question."""

    sender: str
    recipient: str
    kind: str
    verb: Verb
    conversation: UUID
    body: bytes = b""


class Sealer:
    """
    Seals the messages of one control plane, and opens those to it.

    A seal covers sender, recipient, kind, number and time. The id of a control plane is new with each start, and
    numbers only grow, so a message can't be repeated, not even to a later process.
    """

    def __init__(self, sealing: Sealing, own: str, now: Callable[[], datetime]) -> None:
        """*own* is the id of the control plane."""
        self._sealing = sealing
        self._own = own
        self._now = now
        self._number = 0
        self._last_numbers: OrderedDict[str, int] = OrderedDict()  # the last number by sender

    def seal(self, message: Message) -> SealedMessage:
        """Seal *message* under the next number. Raises UnusableSealingKey."""
        self._number += 1
        now = self._now()
        content = bytes([message.verb]) + message.conversation.bytes + message.body
        address = _write_address(message.sender, self._number, message.recipient, message.kind, now)
        data = self._sealing.seal(content, _NO_ORGANIZATION, address)
        return SealedMessage(message.sender, self._number, message.recipient, message.kind, data, now)

    def open(self, row: SealedMessage) -> Message:
        """Open a message, once. Raises BadMessage."""
        if row.recipient != self._own or row.number <= self._last_numbers.get(row.sender, 0):
            raise BadMessage("it was sent to another control plane, or it is repeated")
        address = _write_address(row.sender, row.number, row.recipient, row.kind, row.sent_at)
        try:
            content = self._sealing.open(row.sealed, _NO_ORGANIZATION, address)
            verb, conversation = Verb(content[0]), UUID(bytes=content[1:_HEAD])
        except (CannotUnseal, UnusableSealingKey, ValueError, IndexError) as error:
            raise BadMessage("it isn't sealed with one of this control plane's sealing keys") from error
        if abs(self._now() - row.sent_at) > MAX_AGE:
            raise BadMessage("it is old, or the clocks of the two machines differ by more than 5 minutes")
        self._last_numbers[row.sender] = row.number
        self._last_numbers.move_to_end(row.sender)
        if len(self._last_numbers) > _MAX_SENDERS:
            self._last_numbers.popitem(last=False)
        return Message(row.sender, row.recipient, row.kind, verb, conversation, content[_HEAD:])


def _write_address(sender: str, number: int, recipient: str, kind: str, sent_at: datetime) -> str:
    return json.dumps(["message", sender, number, recipient, kind, sent_at.isoformat()])
