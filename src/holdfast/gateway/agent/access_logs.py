"""
Envoy's reports of failed requests, passed on to the control plane unread.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType

import grpc.aio
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from google.protobuf.message import DecodeError

from holdfast.gateway.resources.constants import FAILURES, REJECTIONS

MAX_WAITING = 1024 * 1024  # bytes of each log that wait for the control plane; the oldest are dropped
PAUSE = 1.0  # seconds before a stream to the control plane is opened again
NO_READERS: Mapping[str, Callable[[bytes], None]] = MappingProxyType({})
_SERVICE, _METHOD = "envoy.service.accesslog.v3.AccessLogService", "StreamAccessLogs"


class AccessLogForwarder:
    """
    The access log service of Envoy, for failed requests, certificates of backends and rejected tokens. Lives on one
    event loop.

    Each log has its own buffer: callers can cause rejections at will, and they must not push out requests
    that a backend failed. While the control plane is away, the latest messages are kept.
    """

    def __init__(self, readers: Mapping[str, Callable[[bytes], None]] = NO_READERS) -> None:
        """*readers* get the messages of logs that stay here, by the name of the log."""
        self._waiting = {name: _MessageQueue() for name in (FAILURES, REJECTIONS)}
        self._readers = {name: waiting.add for name, waiting in self._waiting.items()} | dict(readers)

    @property
    def lost_messages(self) -> int:
        """The number of messages that were dropped, each with one or more failed requests."""
        return sum(waiting.lost for waiting in self._waiting.values())

    def register(self, server: grpc.aio.Server) -> None:
        """Add the service to *server*."""
        handler = grpc.stream_unary_rpc_method_handler(self._receive)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler}),))

    async def follow(self, channel: grpc.aio.Channel) -> None:
        """Pass on what Envoy reports, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name, waiting in self._waiting.items():
                tasks.create_task(self._keep_sending(channel, name, waiting))

    async def _receive(self, messages: AsyncIterator[bytes], _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        reader = None
        async for message in messages:
            # Only the first message of a stream names its log.
            reader = reader or self._readers.get(_read_log_name(message))
            if reader:
                reader(message)
        return b""

    async def _keep_sending(self, channel: grpc.aio.Channel, name: str, waiting: "_MessageQueue") -> None:
        while True:
            await waiting.wait()
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the latter: the stream has ended
                await self._send(channel, name, waiting)
            await asyncio.sleep(PAUSE)

    async def _send(self, channel: grpc.aio.Channel, name: str, waiting: "_MessageQueue") -> None:
        call = channel.stream_unary(f"/{_SERVICE}/{_METHOD}", None, None)(None, wait_for_ready=True)
        try:
            await call.write(_name_log(name))
            while True:
                await waiting.wait()
                message = waiting.oldest
                await call.write(message)
                waiting.remove(message)
        finally:
            call.cancel()


class _MessageQueue:
    """Messages that wait to be sent, of limited size."""

    def __init__(self) -> None:
        self.lost = 0
        self._messages: deque[bytes] = deque()
        self._size = 0
        self._any = asyncio.Event()

    def add(self, message: bytes) -> None:
        """Add a message, and drop the oldest ones that have no place."""
        self._messages.append(message)
        self._size += len(message)
        while self._size > MAX_WAITING:
            self.remove(self._messages[0])
            self.lost += 1
        if self._messages:
            self._any.set()

    @property
    def oldest(self) -> bytes:
        """Return the oldest message."""
        return self._messages[0]

    def remove(self, message: bytes) -> None:
        """Remove the oldest message, unless *message* was dropped in the meantime."""
        if self._messages and self._messages[0] is message:
            self._messages.popleft()
            self._size -= len(message)
        if not self._messages:
            self._any.clear()

    async def wait(self) -> None:
        """Wait until there is a message."""
        await self._any.wait()


def _name_log(name: str) -> bytes:
    message = StreamAccessLogsMessage()
    message.identifier.log_name = name
    return bytes(message.SerializeToString())


def _read_log_name(message: bytes) -> str:
    try:
        return str(StreamAccessLogsMessage.FromString(message).identifier.log_name)
    except DecodeError:
        return ""
