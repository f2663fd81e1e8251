"""
The client of a request behind a proxy, from X-Forwarded-For and X-Forwarded-Proto of trusted proxies only.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.network.addresses import Network, is_in

_SCHEMES = {"http", "https"}


class ForwardedClient:
    """
    Gives requests that come from a proxy in *trusted* the address and scheme that the proxy reports.

    Everyone else's headers are ignored. `Forwarded` (RFC 7239) isn't read.
    """

    def __init__(self, app: ASGIApp, trusted_networks: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted_networks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set `client` and `scheme` of the scope, then pass the request on."""
        if scope["type"] == "http" and scope.get("client") and is_trusted(scope["client"][0], self._trusted):
            headers = Headers(scope=scope)
            client = find_client_address(headers.getlist("x-forwarded-for"), self._trusted)
            scheme = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
            scope = dict(
                scope,
                client=(client, 0) if client else scope["client"],
                scheme=scheme if scheme in _SCHEMES else scope["scheme"],
            )
        await self._app(scope, receive, send)


def get_address(request: HTTPConnection) -> str:
    """Return the client's IP address, behind trusted proxies, or `unknown`."""
    return request.client.host if request.client else "unknown"


def is_trusted(peer: str, networks: Sequence[Network]) -> bool:
    """Return whether *peer*, the remote address of a TCP connection, is a trusted proxy."""
    address = _read(peer)
    return address is not None and is_in(address, networks)


def find_client_address(forwarded_for: Sequence[str], trusted_networks: Sequence[Network]) -> str | None:
    """
    Return the rightmost address in the X-Forwarded-For fields that isn't a trusted proxy.

    Each proxy appends the address that connected to it, so everything before that can be forged. If every address is a
    trusted proxy, return the leftmost. An entry that isn't an address ends the search. Return None if there is none.
    """
    client = None
    for entry in reversed(",".join(forwarded_for).split(",")):
        if not entry.strip():
            continue
        address = _read(entry.strip())
        if address is None:
            break
        client = str(address)
        if not is_in(address, trusted_networks):
            break
    return client


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address with or without port and brackets, converting IPv4-mapped ones to IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
