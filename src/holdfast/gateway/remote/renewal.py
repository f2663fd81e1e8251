"""
Renewing a gateway's certificate, over the connection that the certificate in use protects.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

import grpc.aio

from holdfast.gateway.remote.admission import Context, find_admitted_certificate

_SERVICE, _METHOD = "holdfast.gateway.v1.Enrollment", "Renew"
MAX_REQUEST = 16 * 1024  # bytes
WITHIN = 30.0  # seconds for the publisher's answer


class RenewalFailed(Exception):
    """There is no new certificate; the text says why. *is_final*: another attempt would fail, too."""

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        self.is_final = is_final
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Renewal:
    """A new certificate of a gateway, the CA, and the gateway's group."""

    certificate: str  # PEM
    authority: str  # PEM
    group: str


class RenewalService:
    """Passes signing requests to *renew*, with the fingerprint of the certificate in use."""

    def __init__(self, renew: Callable[[str, str], Renewal]) -> None:
        """*renew* takes the fingerprint and the request in PEM, in a thread; it raises RenewalFailed."""
        self._renew = renew

    def register(self, server: grpc.aio.Server) -> None:
        """Register the service with *server*."""
        handler = grpc.stream_unary_rpc_method_handler(self._answer)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler}),))

    async def _answer(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        fingerprint = find_admitted_certificate()
        if fingerprint is None:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "This isn't the stream of an enrolled gateway.")
        request = await anext(messages, b"")
        try:
            if len(request) > MAX_REQUEST:
                raise RenewalFailed("The signing request is too long.", is_final=True)
            renewal = await asyncio.to_thread(self._renew, fingerprint, request.decode("ascii", "replace"))
        except RenewalFailed as error:
            code = grpc.StatusCode.FAILED_PRECONDITION if error.is_final else grpc.StatusCode.UNAVAILABLE
            await context.abort(code, str(error))
        return json.dumps(asdict(renewal)).encode()


async def request_renewal(channel: grpc.aio.Channel, request: str) -> Renewal:
    """Send a signing request (PEM) to the publisher, and return what it issues. Raises RenewalFailed."""
    call = channel.stream_unary(f"/{_SERVICE}/{_METHOD}", None, None)(None, timeout=WITHIN)
    try:
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the answer has the reason
            await call.write(request.encode())
            await call.done_writing()
        values = json.loads(await call)
        return Renewal(str(values["certificate"]), str(values["authority"]), str(values["group"]))
    except grpc.aio.AioRpcError as error:
        final = error.code() in {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.PERMISSION_DENIED}
        raise RenewalFailed(error.details() or error.code().name, is_final=final) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RenewalFailed("The publisher's answer can't be read.") from error
