"""
The discovery port: the same services as on the unix socket, over mutual TLS, for gateways on other machines.
"""

from collections.abc import Callable, Iterable

import grpc.aio

from holdfast.gateway.discovery.ads import SERVER_OPTIONS, Register
from holdfast.gateway.remote.admission import Admission
from holdfast.gateway.remote.tls import Credential, make_server_credentials
from holdfast.network.addresses import Addresses
from holdfast.network.sockets import format_address

# A reconnecting gateway sends the names and versions of all its resources at once: 6 MiB with 60,000 of them.
MAX_MESSAGE = 32 * 1024 * 1024  # bytes that a gateway may send
MAX_CALLS = 4000  # of all gateways, at once
_HANDSHAKE_WITHIN = 10_000  # milliseconds
_OPTIONS = {
    "grpc.max_receive_message_length": MAX_MESSAGE,
    "grpc.max_concurrent_streams": 16,  # of one connection
    "grpc.max_metadata_size": 16 * 1024,
    "grpc.server_handshake_timeout_ms": _HANDSHAKE_WITHIN,
    "grpc.so_reuseport": 0,  # otherwise another process could listen on the same port
}


class CannotListen(OSError):
    """The discovery port can't be opened; *address* is HOST:PORT."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(f"Can't listen on {address}.")


async def serve_remote_gateways(
    addresses: Addresses, current: Callable[[], Credential], admission: Admission, services: Iterable[Register]
) -> grpc.aio.Server:
    """
    Start *services* on *addresses*, for the gateways that *admission* lets in. *current* is called for each handshake.

    Raises:
        CannotListen: An address is in use, or doesn't belong to this machine.
    """
    options = list((dict(SERVER_OPTIONS) | _OPTIONS).items())
    server = grpc.aio.server(interceptors=[admission], options=options, maximum_concurrent_rpcs=MAX_CALLS)
    for register in services:
        register(server)
    for address in addresses:
        where = format_address(address)
        try:
            server.add_secure_port(where, make_server_credentials(current))
        except RuntimeError as error:
            raise CannotListen(where) from error
    await server.start()
    return server
