"""
The task that notifies people, at the control plane that has the lease.
"""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import structlog

from holdfast.apis.notifications.channel import Channel
from holdfast.apis.notifications.message import MAX_LISTED, Message
from holdfast.network.delivery import NotDelivered
from holdfast.services.background import AFTER_PUBLISHING, wake_on_write
from holdfast.services.notifications.channels import open_secrets
from holdfast.services.notifications.evaluation import ConditionSources, Evaluation
from holdfast.services.notifications.sending import Sender
from holdfast.store.database import Notes, Store
from holdfast.store.errors import StoreFailure
from holdfast.store.notifications import channels, outbox
from holdfast.store.notifications.outbox import OpenMessage
from holdfast.store.sealing import Sealing
from holdfast.store.topics import Topic
from holdfast.work.threads import run_to_end

log = structlog.get_logger()
PAUSE = 2.0  # seconds between evaluations, unless something changes
AT_ONCE = 8  # channels that are sent to at once
FIRST_RETRY = timedelta(seconds=10)  # doubled with each attempt
LONGEST_RETRY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
MOST_REJECTED = 6  # attempts of a message whose content the receiver rejects


class Clerk:
    """
    Evaluates what is so, and sends what waits. Lives on one event loop.

    An open message is stored before it is sent, and marked as delivered afterwards: if the process ends in between,
    its successor sends it again, with the same id.
    """

    def __init__(
        self, store: Store, sealing: Sealing, sender: Sender, sources: ConditionSources, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._sender = sender
        self._evaluation = Evaluation(sources)
        self._now = now
        self._sending: dict[str, asyncio.Task[None]] = {}  # by channel
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._wake: asyncio.Event | None = None

    async def follow(self, store: Notes) -> None:
        """Notify people, until cancelled; *store* is what can be written while the lease lasts."""
        wake = self._wake = self._wake or wake_on_write(self._store)
        try:
            while True:
                wake.clear()
                # Until its end: if this control plane takes the lease again, two evaluations could add the same.
                await run_to_end(None, partial(self.evaluate, store, self._now()))
                await self.begin_sending(store, wake.set)
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE):
                        await wake.wait()
                await asyncio.sleep(AFTER_PUBLISHING)
        finally:
            sending = list(self._sending.values())
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    def evaluate(self, store: Notes, now: datetime, *, everything: bool = False) -> None:
        """Put what people should know into the outbox, and begin the next message of each channel that has none."""
        self._evaluation.run(store, now, everything=everything)
        with store.read() as session:
            waiting = outbox.list_channels_to_begin(session)
        if waiting:
            with store.note(Topic.NOTIFICATIONS) as session:
                for organization, channel, recipients in waiting:
                    outbox.begin_message(session, str(uuid.uuid4()), organization, channel, recipients, now)

    async def begin_sending(self, store: Notes, done: Callable[[], object] = lambda: None) -> None:
        """Begin to send each message that is due; *done* is called at the end of each."""
        due = await asyncio.to_thread(_read_due, store, self._now())
        for message in due:
            running = self._sending.get(message.channel_id)
            if running is None or running.done():
                task = asyncio.create_task(self._send(store, message))
                task.add_done_callback(lambda _: done())
                self._sending[message.channel_id] = task
        self._sending = {channel: task for channel, task in self._sending.items() if not task.done()}

    async def send_all(self, store: Notes) -> None:
        """Send what is due, and wait until it is delivered or has failed."""
        await self.begin_sending(store)
        await asyncio.gather(*self._sending.values())

    async def _send(self, store: Notes, message: OpenMessage) -> None:
        try:
            async with self._turns:
                await self._attempt(store, message)
        except StoreFailure as error:  # such as a lost lease: nothing is marked, so it is sent again
            log.info("notification not marked", channel=message.channel, reason=str(error))

    async def _attempt(self, store: Notes, message: OpenMessage) -> None:
        pair = await asyncio.to_thread(self._prepare, store, message)
        if pair is None:
            return
        channel, notification = pair
        recipients = tuple(filter(None, message.recipients.split(","))) or channel.recipients
        error: NotDelivered | None = None
        try:
            secrets = open_secrets(self._sealing, channel)
            await self._sender.send(channel, secrets, notification, recipients, self._now())
        except NotDelivered as failure:
            error = failure
        except Exception:
            # One message must not keep others waiting, nor be sent without a pause.
            log.exception("notification not sent", channel=message.channel)
            error = NotDelivered("Unexpected error. The cause is in Holdfast's log.", rejected=True)
        await asyncio.to_thread(self._mark, store, message, error)

    def _prepare(self, store: Notes, message: OpenMessage) -> tuple[Channel, Message] | None:
        """Count the attempt, which also makes sure that the lease lasts; None if the channel was deleted."""
        with store.note(Topic.NOTIFICATIONS) as session:
            outbox.count_attempt(session, message)
            channel = channels.get(session, message.organization, message.channel)
            notifications, counts = outbox.get_content(session, message.id, MAX_LISTED)
        if channel is None or channel.id != message.channel_id:
            return None
        url = self._sender.url
        return channel, Message(message.id, message.organization, message.created_at, notifications, counts, url)

    def _mark(self, store: Notes, message: OpenMessage, error: NotDelivered | None) -> None:
        now = self._now()
        with store.note(Topic.NOTIFICATIONS) as session:
            if error is None:
                outbox.mark_delivered(session, message, now)
                return
            again_at = find_next_attempt(message, error, now)
            outbox.mark_failed(session, message, now, str(error), again_at)
        if error:
            log.warning(
                "notification not delivered",
                organization=message.organization,
                channel=message.channel,
                reason=str(error),
                given_up=again_at is None,
            )


def find_next_attempt(message: OpenMessage, error: NotDelivered, now: datetime) -> datetime | None:
    """Return when a message is sent again after an attempt that failed; None: never."""
    attempts = message.attempts + 1
    if now - message.created_at > GIVE_UP_AFTER or (error.rejected and attempts >= MOST_REJECTED):
        return None
    pause = min(FIRST_RETRY * (1 << min(attempts - 1, 16)), LONGEST_RETRY)
    return now + max(pause, timedelta(seconds=error.pause))


def _read_due(store: Notes, now: datetime) -> list[OpenMessage]:
    with store.read() as session:
        return outbox.list_due(session, now)
