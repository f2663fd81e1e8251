"""
Questions that control planes of one database ask each other, in messages that are rows of the database.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID, uuid4

import structlog
from sqlalchemy.orm import Session

from holdfast.services.background import wake_on_write
from holdfast.services.control_planes.messages import MAX_AGE, BadMessage, Message, Sealer, Verb
from holdfast.store.control_planes import messages
from holdfast.store.control_planes.messages import Key, SealedMessage
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing
from holdfast.store.topics import Topic
from holdfast.work.threads import run_to_end

log = structlog.get_logger()
Handler = Callable[[str, bytes], AsyncGenerator[bytes, None]]
MAX_BODY = messages.MAX_SEALED - 1024  # bytes
MAX_ASKED, MAX_ANSWERED = 40, 40  # questions at once
ANSWERS_FOR = 30.0  # seconds, because the message that ends a question can be lost
RETENTION = timedelta(minutes=1)  # messages that nobody reads
_BUSY = b"The other control plane is busy, or its version doesn't know this question."
_SWEEP = 60.0  # seconds between deletions of such messages
LINGER = 0.02  # seconds until the end of a question is sent
TIDY = 1.0  # seconds until messages that were read are deleted, unless something is written before
_MANY = 20  # messages that were read; they are deleted at once


class NoReply(RuntimeError):
    """Another control plane doesn't answer; the text says why."""


class Peer(Protocol):
    """A control plane, as far as messages are concerned."""

    @property
    def id(self) -> str:
        """The id of the process."""


class Peers(Protocol):
    """The control planes that are live: `Presence`."""

    @property
    def own(self) -> Peer:
        """This one."""

    @property
    def others(self) -> Collection[Peer]:
        """The others."""

    def add_listener(self, listener: Callable[[], object]) -> None:
        """Call *listener*, on the event loop, when others come or go."""


@dataclass(slots=True)
class Conversation:
    """A question, and the answers so far."""

    recipient: str
    kind: str
    id: UUID = field(default_factory=uuid4)
    question: Key | None = None  # its row, once it is written
    is_over: bool = False
    _answers: "asyncio.Queue[bytes | NoReply | None]" = field(default_factory=asyncio.Queue)

    async def receive(self) -> bytes | None:
        """Return the next answer, or None if there is none. Raises NoReply."""
        answer = await self._answers.get()
        if isinstance(answer, NoReply):
            raise answer
        return answer

    def take(self, answer: bytes | NoReply | None) -> None:
        """Take an answer; NoReply and None are the last."""
        self.is_over = not isinstance(answer, bytes)
        self._answers.put_nowait(answer)


Outgoing = tuple[Message, Conversation | None]  # with the conversation that this control plane began


class Mailbox:
    """
    The messages of one control plane. Lives on one event loop.

    Nothing is written or read while there is no other control plane.
    """

    def __init__(self, store: Store, sealing: Sealing, peers: Peers, now: Callable[[], datetime]) -> None:
        self._store = store
        self._peers = peers
        self._now = now
        self._sealer = Sealer(sealing, peers.own.id, now)
        self._handlers: dict[str, Handler] = {}
        self._conversations: dict[UUID, Conversation] = {}
        self._answering: dict[UUID, tuple[str, asyncio.Task[None]]] = {}  # with the asker
        self._outbox: list[Outgoing] = []
        self._old_keys: set[Key] = set()  # messages to delete
        self._wake = wake_on_write(store, Topic.MESSAGES)
        self._next_sweep = 0.0
        # Its own thread, because the shared ones may all be waiting for the database.
        self._thread = ThreadPoolExecutor(1, "mailbox")
        peers.add_listener(self._check_peers)

    def handle(self, kind: str, handler: Handler) -> None:
        """
        Answer questions of *kind* with what *handler* yields; it is called with the asker and the question.

        It is cancelled when the asker no longer waits, or isn't live, or after ANSWERS_FOR. If it raises, the asker
        gets NoReply.
        """
        self._handlers[kind] = handler

    @property
    def others(self) -> list[str]:
        """The ids of the other control planes."""
        return [peer.id for peer in self._peers.others]

    async def ask(self, recipient: str, kind: str, question: bytes, seconds: float) -> bytes:
        """Return the first answer of *recipient* to *question* within *seconds*. Raises NoReply."""
        try:
            async with asyncio.timeout(seconds), self.converse(recipient, kind, question) as conversation:
                answer = await conversation.receive()
        except TimeoutError as error:
            raise NoReply("The other control plane didn't answer in time.") from error
        if answer is None:
            raise NoReply("The other control plane has no answer.")
        return answer

    @asynccontextmanager
    async def converse(self, recipient: str, kind: str, question: bytes) -> AsyncIterator[Conversation]:
        """Ask *question*, and provide the answers of *recipient* until the block ends. Raises NoReply."""
        if recipient not in self.others:
            raise NoReply("The other control plane isn't running.")
        if len(question) > MAX_BODY or len(self._conversations) >= MAX_ASKED:
            raise NoReply("There are too many questions to other control planes, or this one is too long.")
        conversation = Conversation(recipient, kind)
        self._conversations[conversation.id] = conversation
        self._send(Message(self._peers.own.id, recipient, kind, Verb.ASK, conversation.id, question), conversation)
        try:
            yield conversation
        finally:
            del self._conversations[conversation.id]
            if not conversation.is_over:
                end = Message(self._peers.own.id, recipient, kind, Verb.END, conversation.id)
                self._outbox.append((end, conversation))
                # Often, another question follows at once, and one transaction is enough for both.
                asyncio.get_running_loop().call_later(LINGER, self._wake.set)

    async def follow(self) -> None:
        """Send, receive and answer messages, until cancelled."""
        loop, is_quiet = asyncio.get_running_loop(), False
        try:
            while True:
                self._wake.clear()
                if self.others or self._outbox or self._old_keys:
                    outgoing, self._outbox = self._outbox, []
                    sweeps = loop.time() >= self._next_sweep
                    tidies = is_quiet or len(self._old_keys) >= _MANY
                    exchange = partial(self._exchange, outgoing, tidies=tidies, sweeps=sweeps)
                    incoming = await run_to_end(self._thread, exchange)
                    for message in incoming:
                        self._take(message)
                    if len(incoming) == messages.AT_ONCE:
                        self._wake.set()
                    self._next_sweep = loop.time() + _SWEEP if sweeps else self._next_sweep
                is_quiet = await self._wait()
        finally:
            self._outbox.clear()
            for conversation in self._conversations.values():
                conversation.take(NoReply("This control plane couldn't use its database."))
            for _, task in self._answering.values():
                task.cancel()

    async def _wait(self) -> bool:
        """Wait until there is something to do; return whether that is only to delete messages."""
        try:
            async with asyncio.timeout(TIDY if self._old_keys else _SWEEP if self.others else None):
                await self._wake.wait()
        except TimeoutError:
            return True
        return False

    def _exchange(self, outgoing: Sequence[Outgoing], *, tidies: bool, sweeps: bool) -> list[SealedMessage]:
        """Write the *outgoing* messages, delete what was read, and return what has arrived since."""
        own, old_keys = self._peers.own.id, frozenset(self._old_keys)
        if not (outgoing or sweeps or (tidies and old_keys)):
            with self._store.read() as session:
                return messages.find_unread(session, own, old_keys)
        with self._store.note(Topic.MESSAGES) as session:
            messages.remove(session, old_keys)
            if sweeps:
                now = self._now()
                messages.remove_old(session, own, [own, *self.others], now - RETENTION, now + MAX_AGE)
            messages.add(session, self._seal(session, outgoing))
            incoming = messages.find_unread(session, own, ())
        self._old_keys -= old_keys
        return incoming

    def _seal(self, session: Session, outgoing: Sequence[Outgoing]) -> list[SealedMessage]:
        """Seal the *outgoing* messages, and delete questions that are ended."""
        rows: dict[Key, SealedMessage] = {}
        for message, conversation in outgoing:
            row = self._sealer.seal(message)
            rows[row.key] = row
            if conversation and message.verb is Verb.ASK:
                conversation.question = row.key
            elif conversation and conversation.question and not rows.pop(conversation.question, None):
                messages.remove(session, [conversation.question])  # the recipient may be reading it, hence END
        return list(rows.values())

    def _take(self, row: SealedMessage) -> None:
        self._old_keys.add(row.key)
        try:
            message = self._sealer.open(row)
        except BadMessage as error:
            log.warning("message of a control plane is ignored", sender=row.sender, reason=str(error))
            return
        question = self._conversations.get(message.conversation)
        match message.verb:
            case Verb.ASK:
                self._begin_to_answer(message)
            case Verb.END:
                asker, task = self._answering.get(message.conversation, ("", None))
                if task and asker == message.sender:
                    task.cancel()
            case verb if question and question.recipient == message.sender:
                question.take(_read_answer(verb, message.body))

    def _begin_to_answer(self, question: Message) -> None:
        handler = self._handlers.get(question.kind)
        if handler is None or len(self._answering) >= MAX_ANSWERED or question.conversation in self._answering:
            self._reply(
                question, Verb.FAIL, b"The other control plane is busy, or its version doesn't know this question."
            )
            return
        task = asyncio.create_task(self._answer(handler, question))
        self._answering[question.conversation] = question.sender, task
        task.add_done_callback(lambda _: self._answering.pop(question.conversation))

    async def _answer(self, handler: Handler, question: Message) -> None:
        try:
            async with (
                asyncio.timeout(ANSWERS_FOR),
                aclosing(handler(question.sender, question.body)) as answers,
            ):
                async for answer in answers:
                    self._reply(question, Verb.ANSWER, answer)
        except NoReply as error:
            self._reply(question, Verb.FAIL, str(error).encode())
        except TimeoutError:
            self._reply(question, Verb.FAIL, b"The other control plane needed too long.")
        except Exception:
            log.exception("question of a control plane can't be answered", kind=question.kind, asker=question.sender)
            self._reply(question, Verb.FAIL, b"The other control plane couldn't answer; its log says why.")
        else:
            self._reply(question, Verb.DONE)

    def _reply(self, question: Message, verb: Verb, body: bytes = b"") -> None:
        self._send(replace(question, sender=self._peers.own.id, recipient=question.sender, verb=verb, body=body), None)

    def _send(self, message: Message, conversation: Conversation | None) -> None:
        self._outbox.append((message, conversation))
        self._wake.set()

    def _check_peers(self) -> None:
        """End what waits for control planes that are no longer live, and stop answering them."""
        others = set(self.others)
        for conversation in self._conversations.values():
            if conversation.recipient not in others and not conversation.is_over:
                conversation.take(NoReply("The other control plane has stopped."))
        for asker, task in self._answering.values():
            if asker not in others:
                task.cancel()
        self._next_sweep = 0.0
        self._wake.set()


def _read_answer(verb: Verb, body: bytes) -> bytes | NoReply | None:
    match verb:
        case Verb.ANSWER:
            return body
        case Verb.FAIL:
            return NoReply(body.decode("utf-8", "replace"))
        case _:
            return None
