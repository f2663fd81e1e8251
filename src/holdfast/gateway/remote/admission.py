"""
Which gateway is at the other end of a connection: its certificate decides, before any service sees the stream.

The certificate is verified in the handshake. Whether it is still accepted is checked for each stream, and as long as
the stream lasts.
"""

import asyncio
import hashlib
import inspect
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol, TypeAlias

import grpc.aio
import structlog
from google.protobuf.message import DecodeError

from holdfast.gateway.peer import Identify, Peer
from holdfast.refusals import TryLater
from holdfast.work.budget import Budget

log = structlog.get_logger()
LOG_EVERY = 60.0  # seconds
MAX_STREAMS = 16  # of one gateway; it needs three, and twice as many while it reconnects
AT_ONCE = 4  # streams that are authorized at the same time; others wait without a thread
STREAMS_PER_SECOND = 32  # of one gateway: each can cost a line in the log
NOT_ACCEPTED = "The publisher doesn't accept this gateway's certificate: it was revoked or replaced, or it has expired."
UNDECIDED = "The publisher can't check this gateway's certificate at the moment, because it can't read its database."
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_admission: ContextVar[tuple[Peer, str] | None] = ContextVar("admission", default=None)


class Admissions(Protocol):
    """Decides which gateways may connect, by the SHA-256 of the certificate (DER) in lower-case hex."""

    def authorize(self, fingerprint: str) -> Peer | None:
        """
        Return the gateway that may connect with this certificate, None if none; called in a thread.

        Raises:
            TryLater: That can't be decided now.
        """

    def follow_certificate(self, fingerprint: str) -> "asyncio.Future[None]":
        """Return a future that is done once the certificate is no longer accepted."""


def identify_by_transport(local: Peer) -> Identify:
    """Return the function that identifies gateways: *local* on a unix socket, the admitted one over TLS."""

    def identify(context: Context) -> Peer | None:
        if (context.peer() or "").startswith("unix:"):
            return local
        admission = _admission.get()
        return admission[0] if admission else None

    return identify


def find_admitted_certificate() -> str | None:
    """Return the fingerprint of the certificate with which the gateway of this stream was admitted."""
    admission = _admission.get()
    return admission[1] if admission else None


class Admission(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic only in its stubs
    """Lets streams of accepted gateways through, and ends them once the certificate is no longer accepted."""

    def __init__(self, admissions: Admissions) -> None:
        self._admissions = admissions
        # Its own threads: many gateways connect at once, and while the database is slow, they would occupy all others.
        self._threads = ThreadPoolExecutor(AT_ONCE, "admission")
        self._streams: Counter[str] = Counter()  # by gateway
        self._openings: dict[str, Budget] = {}  # by gateway
        self._logged: dict[str, float] = {}  # when a rejection was last logged, by fingerprint

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the handler of the call, which first admits the gateway."""
        handler: Any = await continuation(handler_call_details)
        # No service has methods for a single message: it would be read, whatever its size, before its sender is known.
        if handler is None or not handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(_refuse)
        method = handler.stream_stream or handler.stream_unary

        async def run(messages: AsyncIterator[Any], context: Context) -> Any:
            return await self._run(method, messages, context)

        wrap: Any = grpc.stream_unary_rpc_method_handler
        if handler.response_streaming:
            wrap = grpc.stream_stream_rpc_method_handler
        own_handler: Handler = wrap(run, handler.request_deserializer, handler.response_serializer)
        return own_handler

    async def _run(self, method: Callable[..., Any], messages: AsyncIterator[Any], context: Context) -> Any:
        fingerprint = _read_fingerprint(context)
        try:
            authorize = partial(self._admissions.authorize, fingerprint)
            loop = asyncio.get_running_loop()
            peer = await loop.run_in_executor(self._threads, authorize) if fingerprint else None
        except TryLater:  # the store logs it once for all
            # Not UNAVAILABLE, for which gateways leave a control plane whose other streams may still work.
            await context.abort(grpc.StatusCode.ABORTED, UNDECIDED)
        if peer is None:
            self._log_rejection(fingerprint, context)
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, NOT_ACCEPTED)
        if self._streams[peer.name] >= MAX_STREAMS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "This gateway has too many streams.")
        self._streams[peer.name] += 1
        _admission.set((peer, fingerprint))
        opening = self._openings.setdefault(peer.name, Budget(STREAMS_PER_SECOND))
        rejection = self._admissions.follow_certificate(fingerprint)
        serving = asyncio.create_task(_serve(method, messages, context, opening))
        try:
            await asyncio.wait((serving, rejection), return_when=asyncio.FIRST_COMPLETED)
            if rejection.done():
                log.warning("gateway disconnected: its certificate is no longer accepted", gateway=peer.name)
                await _cancel(serving)
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, NOT_ACCEPTED)
            return await serving
        except NotImplementedError:  # what the protocol has, but not this server
            await _refuse(messages, context)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "A message can't be read.")
        finally:
            rejection.cancel()
            self._streams -= Counter([peer.name])
            await _cancel(serving)

    def _log_rejection(self, fingerprint: str, context: Context) -> None:
        """Log a rejected certificate, at most once in LOG_EVERY: gateways that were revoked keep asking."""
        now = asyncio.get_running_loop().time()
        self._logged = {address: at for address, at in self._logged.items() if now - at < LOG_EVERY}
        if fingerprint not in self._logged:
            self._logged[fingerprint] = now
            name = next(iter(context.auth_context().get("x509_common_name", ())), b"").decode()
            log.warning("gateway rejected", gateway=name, address=context.peer(), fingerprint=fingerprint)


async def _serve(method: Callable[..., Any], messages: AsyncIterator[Any], context: Context, opening: Budget) -> Any:
    await opening.spend(1)
    if not inspect.isasyncgenfunction(method):
        return await method(messages, context)
    async with aclosing(method(messages, context)) as responses:  # closed at once, even in the middle of a message
        async for response in responses:
            await context.write(response)
    return None


async def _cancel(task: "asyncio.Task[Any]") -> None:
    """End *task*; its failure no longer matters, such as that of a write to a gateway that has disconnected."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _refuse(_: Any, context: Context) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "There is no such method.")


def _read_fingerprint(context: Context) -> str:
    """Return the fingerprint of the verified certificate; empty if there is none, or if this isn't TLS 1.3."""
    transport = context.auth_context()
    pem, version = (next(iter(transport.get(name, ())), b"") for name in ("x509_pem_cert", "ssl_tls_version"))
    if not pem or version != b"TLSv1.3":
        return ""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()
