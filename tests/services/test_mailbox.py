"""Control planes of one database ask each other, and nobody without the sealing key takes part."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from holdfast.server.clock import utc_now
from holdfast.services.control_planes import mailbox as service
from holdfast.services.control_planes.mailbox import NoReply
from holdfast.services.control_planes.messages import MAX_AGE, BadMessage, Message, Sealer, Verb
from holdfast.store.control_planes import messages
from holdfast.store.sealing import Sealing
from holdfast.store.tables import MessageRow
from holdfast.store.topics import Topic
from neighbours import PATIENCE, SEALING, control_plane, neighbours, until

SEALED = Message("a", "b", "question", Verb.ASK, UUID(int=1), b"body")
ANOTHER_KEY = Sealing(lambda: (bytes([1] * 32),))


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(service, "TIDY", 0.01)


class SlowHandler:
    """A handler that answers once, and then waits until it is ended."""

    def __init__(self):
        self.is_running = self.is_ended = False

    async def answer(self, asker, question):
        del asker
        self.is_running = True
        try:
            yield question.upper()
            await asyncio.Event().wait()
        finally:
            self.is_ended = True


async def echo(asker, question):
    yield asker.encode() + b" " + question


async def count(asker, question):
    del asker
    yield b"%d" % len(question)


async def answer_nothing(asker, question):
    del asker, question
    return
    yield


async def fail(asker, question):
    del asker, question
    raise ValueError("x")
    yield


async def refuse(asker, question):
    del asker, question
    raise NoReply("Not today.")
    yield


def read_messages(store):
    with store.read() as session:
        return session.scalars(select(MessageRow)).all()


def test_a_question_is_answered_and_no_message_is_kept(store):
    async def story():
        async with neighbours(store) as (a, b):
            b.mailbox.handle("echo", echo)
            assert await a.mailbox.ask(b.id, "echo", b"hello", PATIENCE) == a.id.encode() + b" hello"
            b.mailbox.handle("length", count)
            assert await a.mailbox.ask(b.id, "length", bytes(service.MAX_BODY), PATIENCE) == b"%d" % service.MAX_BODY
            await until(lambda: not read_messages(store))

    asyncio.run(story())


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (answer_nothing, "no answer"),
        (fail, "its log says why"),
        (refuse, "Not today"),
        (None, "doesn't know this question"),
    ],
)
def test_a_question_without_an_answer_says_why(store, handler, why):
    async def story():
        async with neighbours(store) as (a, b):
            if handler:
                b.mailbox.handle("question", handler)
            with pytest.raises(NoReply, match=why):
                await a.mailbox.ask(b.id, "question", b"", PATIENCE)

    asyncio.run(story())


def test_a_conversation_ends_at_both_ends_when_the_asker_leaves(store):
    async def story():
        waiting = SlowHandler()
        async with neighbours(store) as (a, b):
            b.mailbox.handle("wait", waiting.answer)
            async with a.mailbox.converse(b.id, "wait", b"first") as conversation:
                assert await conversation.receive() == b"FIRST"
                assert not waiting.is_ended
            await until(lambda: waiting.is_ended)
            with pytest.raises(NoReply, match="in time"):
                await a.mailbox.ask(b.id, "wait", b"", 0.0)
            await until(lambda: not read_messages(store))

    asyncio.run(story())


def test_a_question_ends_at_once_when_the_other_control_plane_stops(store):
    async def story():
        waiting = SlowHandler()
        async with control_plane(store, "a") as a:
            async with control_plane(store, "b") as b:
                await until(lambda: a.mailbox.others and b.mailbox.others)
                b.mailbox.handle("wait", waiting.answer)
                async with a.mailbox.converse(b.id, "wait", b"") as conversation:
                    await conversation.receive()
                    await b.stop()
                    with pytest.raises(NoReply, match="has stopped"):
                        await conversation.receive()
            with pytest.raises(NoReply, match="isn't running"):
                await a.mailbox.ask(b.id, "wait", b"", PATIENCE)

    asyncio.run(story())


def test_answering_ends_when_the_asker_stops(store):
    async def story():
        waiting = SlowHandler()
        async with control_plane(store, "b") as b:
            b.mailbox.handle("wait", waiting.answer)
            async with control_plane(store, "a") as a:
                await until(lambda: a.mailbox.others and b.mailbox.others)
                asking = asyncio.create_task(a.mailbox.ask(b.id, "wait", b"", PATIENCE))
                assert await asking == b""
                async with a.mailbox.converse(b.id, "wait", b"") as conversation:
                    await conversation.receive()
                    waiting.is_ended = False
                    await a.stop()
                    await until(lambda: waiting.is_ended)

    asyncio.run(story())


def test_more_messages_than_are_read_at_once_are_all_answered(store, monkeypatch):
    monkeypatch.setattr(messages, "AT_ONCE", 2)

    async def story():
        async with neighbours(store) as (a, b):
            b.mailbox.handle("echo", echo)
            asking = [a.mailbox.ask(b.id, "echo", b"%d" % number, PATIENCE) for number in range(9)]
            assert [answer.split()[1] for answer in await asyncio.gather(*asking)] == [b"%d" % n for n in range(9)]

    asyncio.run(story())


def test_answering_ends_after_a_time_even_if_nobody_ends_it(store, monkeypatch):
    monkeypatch.setattr(service, "ANSWERS_FOR", 0.05)

    async def story():
        waiting = SlowHandler()
        async with neighbours(store) as (a, b):
            b.mailbox.handle("wait", waiting.answer)
            async with a.mailbox.converse(b.id, "wait", b"") as conversation:
                await conversation.receive()
                with pytest.raises(NoReply, match="too long"):
                    await conversation.receive()
            assert waiting.is_ended

    asyncio.run(story())


def test_the_number_and_length_of_questions_are_limited(store, monkeypatch):
    monkeypatch.setattr(service, "MAX_ASKED", 2)
    monkeypatch.setattr(service, "MAX_ANSWERED", 1)

    async def story():
        waiting = SlowHandler()
        async with neighbours(store) as (a, b):
            b.mailbox.handle("wait", waiting.answer)
            async with a.mailbox.converse(b.id, "wait", b"") as first, a.mailbox.converse(b.id, "wait", b"") as second:
                assert await first.receive() == b""
                with pytest.raises(NoReply, match="busy"):
                    await second.receive()
                with pytest.raises(NoReply, match="too many"):
                    await a.mailbox.ask(b.id, "wait", b"", PATIENCE)
            with pytest.raises(NoReply, match="too long"):
                await a.mailbox.ask(b.id, "wait", bytes(service.MAX_BODY + 1), PATIENCE)

    asyncio.run(story())


def test_messages_without_the_sealing_key_are_ignored(store):
    async def story():
        async with neighbours(store) as (a, b):
            questions = []

            async def listen(asker, question):
                del asker
                questions.append(question)
                yield b"yes"

            b.mailbox.handle("question", listen)
            genuine = Message(a.id, b.id, "question", Verb.ASK, SEALED.conversation, b"forged")
            row = replace(Sealer(ANOTHER_KEY, a.id, utc_now).seal(genuine), number=1000)
            with store.note(Topic.MESSAGES) as session:
                messages.add(session, [row])
            await until(lambda: not read_messages(store))
            assert await a.mailbox.ask(b.id, "question", b"genuine", PATIENCE) == b"yes"
            assert questions == [b"genuine"]

    asyncio.run(story())


@pytest.mark.parametrize(
    "change",
    [
        {"sender": "c"},
        {"recipient": "c"},
        {"kind": "other"},
        {"number": 2},
        {"sent_at": utc_now()},
        {"sealed": b""},
        {},
    ],
)
def test_a_message_is_opened_once_and_only_as_it_was_sent(change):
    sealer, opener = Sealer(SEALING, "a", utc_now), Sealer(SEALING, "b", utc_now)
    row = sealer.seal(SEALED)
    if not change:
        assert opener.open(row) == SEALED
    with pytest.raises(BadMessage):
        opener.open(replace(row, **change))


def test_an_earlier_message_that_arrives_later_is_not_opened():
    sealer, opener = Sealer(SEALING, "a", utc_now), Sealer(SEALING, "b", utc_now)
    first, second = sealer.seal(SEALED), sealer.seal(SEALED)
    opener.open(second)
    with pytest.raises(BadMessage, match="repeated"):
        opener.open(first)


def test_a_message_that_was_held_back_is_not_opened():
    row = Sealer(SEALING, "a", utc_now).seal(SEALED)
    with pytest.raises(BadMessage, match="old"):
        Sealer(SEALING, "b", lambda: utc_now() + timedelta(minutes=6)).open(row)


def test_messages_that_nobody_reads_are_deleted(store):
    old = utc_now() - 2 * service.RETENTION

    async def story():
        async with neighbours(store) as (a, b):
            rows = [
                replace(Sealer(SEALING, sender, utc_now).seal(replace(SEALED, sender=sender, recipient=to)), sent_at=at)
                for sender, to, at in (
                    (a.id, "gone", old),
                    ("gone", "else", old),
                    ("gone", "ahead", utc_now() + 2 * MAX_AGE),
                    ("gone", "more", utc_now()),
                )
            ]
            with store.note(Topic.MESSAGES) as session:
                messages.add(session, [replace(row, number=number) for number, row in enumerate(rows, 1000)])
            async with control_plane(store, "c"):
                await until(lambda: [row.recipient for row in read_messages(store)] == ["more"])
            assert b

    asyncio.run(story())


def test_a_single_control_plane_reads_and_writes_no_messages(store, monkeypatch):
    async def story():
        async with control_plane(store, "a") as a:
            monkeypatch.setattr(a.mailbox, "_exchange", None)
            with store.note(Topic.MESSAGES):
                pass
            await asyncio.sleep(0)
            assert [state.error for state in a.background.states] == ["", ""]

    asyncio.run(story())
