"""
Envoy's access log, passed on to the control plane unread.
"""

from collections.abc import AsyncIterator

import grpc.aio
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage

_SERVICE, _METHOD = "envoy.service.accesslog.v3.AccessLogService", "StreamAccessLogs"


class AccessLogForwarder:
    """The access log service that Envoy sends failed requests to; they are lost while there is no control plane."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._send = channel.stream_unary(f"/{_SERVICE}/{_METHOD}", None, None)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the service to *server*."""
        handler = grpc.stream_unary_rpc_method_handler(self._forward)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler}),))

    async def _forward(self, messages: AsyncIterator[bytes], _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        identifier, call = b"", None
        async for message in messages:
            if not identifier:
                identifier = _identifier(message)
            for _ in range(2):  # the second attempt is with a new stream
                try:
                    if call is None:
                        call = self._send(None)
                        await call.write(identifier)
                    await call.write(message)
                    break
                except grpc.aio.AioRpcError:
                    call = None
        if call is not None:
            call.cancel()
        return b""


def _identifier(message: bytes) -> bytes:
    """Return a message with the identifier of the stream only, which its first message contains."""
    first = StreamAccessLogsMessage.FromString(message)
    return bytes(StreamAccessLogsMessage(identifier=first.identifier).SerializeToString())
