"""
Tasks for gateways that follow another control plane: it passes them on, and passes back what the gateways answer.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address

from holdfast.gateway.control.answers import ANSWERS, MAX_ANSWER, ConnectionEnd, ProbeFailure
from holdfast.gateway.control.messages import MalformedMessage, read, write
from holdfast.gateway.control.requests import REQUESTS, Connect, End, Head, ProbeBackend, Task
from holdfast.gateway.control.service import Control
from holdfast.gateway.control.stream import Exchange
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.peer import Peer
from holdfast.gateway.probing.connection import NoAnswer, ProbeRejected
from holdfast.gateway.probing.resources import has_key, list_addresses
from holdfast.gateway.resources.resource import SECRET, Resource
from holdfast.network.addresses import Network, may_be_reached
from holdfast.services.control_planes.mailbox import MAX_BODY, Conversation, Mailbox, NoReply

KIND = "gateway-task"
PUBLISHED_WITHIN = 1.0  # seconds in which every control plane sends its gateways a change
_SEPARATOR = b"\n"


@dataclass(frozen=True, slots=True)
class GatewayElsewhere:
    """A gateway, and the id of the control plane that it follows."""

    peer: Peer
    control_plane: str


class Relay:
    """
    Asks gateways that follow other control planes, and lets others ask those that follow this one.

    The control plane that a gateway follows applies the rules about keys and addresses itself.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        control: Control,
        groups: Groups,
        networks: Sequence[Network],
        elsewhere: Callable[[], Mapping[str, GatewayElsewhere]],
    ) -> None:
        """*networks* are those that tests may connect to; *elsewhere* returns the gateways of others by name."""
        self._mailbox = mailbox
        self._control = control
        self._groups = groups
        self._networks = networks
        self._elsewhere = elsewhere
        self._exchanges: set[Exchange] = set()
        mailbox.handle(KIND, self._answer)

    @property
    def gateways(self) -> Collection[str]:
        """The names of the gateways that follow other control planes."""
        return self._elsewhere().keys()

    @asynccontextmanager
    async def exchange(self, gateway: str, task: Task, identity: str) -> AsyncIterator[Exchange]:
        """Let *gateway* do *task* until the block ends, as `OtherGateways.exchange` says. Raises NoAnswer."""
        follows = self._elsewhere().get(gateway)
        if follows is None:
            raise NoAnswer(f"The gateway {gateway} isn't connected.")
        exchange = Exchange(gateway)
        question = _SEPARATOR.join([gateway.encode(), identity.encode(), write(task)])
        try:
            async with self._mailbox.converse(follows.control_plane, KIND, question) as conversation:
                passing = asyncio.create_task(_pass_on(conversation, exchange))
                self._exchanges.add(exchange)
                try:
                    yield exchange
                finally:
                    self._exchanges.discard(exchange)
                    passing.cancel()
        except NoReply as error:
            raise NoAnswer(str(error)) from error

    def lose(self, gateway: str) -> None:
        """End the tasks of *gateway* at once, because it no longer follows another control plane."""
        for exchange in self._exchanges:
            if exchange.gateway == gateway:
                exchange.lose()

    async def _answer(self, asker: str, question: bytes) -> AsyncGenerator[bytes, None]:
        """Do a task of another control plane at a gateway that follows this one."""
        del asker
        try:
            gateway, identity, task = _read_question(question)
            await self._check(gateway, identity, task)
            async with self._control.exchange(gateway, lambda number: replace(task, id=number)) as exchange:
                yield write(await exchange.wait_for_result())
                if isinstance(task, Connect):
                    await exchange.wait_until_closed()
                    yield write(ConnectionEnd(0))
        except (ProbeRejected, NoAnswer) as error:
            # Once there was an answer, this says only that there is no other.
            yield write(ProbeFailure(0, isinstance(error, ProbeRejected), str(error)))

    async def _check(self, gateway: str, identity: str, task: Task) -> None:
        """Raise NoAnswer if the gateway must not do *task*."""
        resources = task.resources if isinstance(task, Connect | Head) else ()
        addresses = task.addresses if isinstance(task, ProbeBackend) else list_addresses(resources)
        for address in addresses:
            if not may_be_reached(ip_address(address), self._networks):
                raise NoAnswer(f"Tests of the gateway's control plane aren't allowed to connect to {address}.")
        observer = self._groups.observe()
        try:
            async with asyncio.timeout(PUBLISHED_WITHIN):
                while not self._is_local(gateway) and has_key(resources, self._find_sent(gateway, identity)):
                    await observer.wait()
                    observer.clear()
        except TimeoutError:
            raise NoAnswer("The gateway doesn't have the key of the gateway identity, so it isn't sent it.") from None
        finally:
            self._groups.stop_observing(observer)

    def _find_sent(self, gateway: str, identity: str) -> Resource | None:
        """Return the secret *identity* if *gateway* is sent it for traffic."""
        state = self._control.states.find(gateway)
        cache = self._groups.find_cache(state.peer) if state else None
        return cache.get(SECRET, identity) if cache else None

    def _is_local(self, gateway: str) -> bool:
        state = self._control.states.find(gateway)
        return state is not None and state.peer.is_on_this_machine


async def _pass_on(conversation: Conversation, exchange: Exchange) -> None:
    """Let *exchange* take the answers of *conversation*."""
    try:
        while (answer := await conversation.receive()) is not None:
            if message := read(answer, ANSWERS, MAX_ANSWER):
                exchange.take(message)
    except (NoReply, MalformedMessage) as error:
        exchange.take(ProbeFailure(0, False, str(error)))
    exchange.lose()


def _read_question(question: bytes) -> tuple[str, str, Task]:
    """Return the gateway, the secret and the task of a *question*. Raises NoAnswer."""
    try:
        gateway, identity, message = question.split(_SEPARATOR, 2)
        task = read(message, REQUESTS, MAX_BODY)
        if task is None or isinstance(task, End):
            raise MalformedMessage("the task is unknown")
        return gateway.decode(), identity.decode(), task
    except ValueError as error:
        raise NoAnswer(f"The gateway's control plane can't read the task: {error}.") from error
