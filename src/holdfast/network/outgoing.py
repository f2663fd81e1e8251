"""
HTTP requests to URLs that users type: only to allowed addresses, without redirects, bounded in time and bytes.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address

from holdfast.network.addresses import AddressRefused, Network, NoAddress, resolve
from holdfast.network.delivery import NotDelivered, explain_unverified
from holdfast.network.tls_verification import find_verification_problem

WITHIN = 15.0  # seconds for the whole request, including DNS
DNS_WITHIN = 5.0
CONNECTS_WITHIN = 4.0  # to one of the receiver's addresses, before the next
MAX_READ = 2_000  # bytes of a response, which only explain errors
LONGEST_PAUSE = 3_600.0  # seconds: what a receiver can ask for in Retry-After
# The receiver rejects what was sent, not the moment; others can be fixed at the receiver or in the settings.
CONTENT_REJECTED = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send a request: an http or https URL in its parts; *host* without brackets, *path* with the query."""

    scheme: str
    host: str
    port: int
    path: str


async def post(
    target: Target, body: bytes, headers: Mapping[str, str], networks: Sequence[Network], tls: ssl.SSLContext
) -> None:
    """Send *body* to *target*, at an address within *networks*. Raises NotDelivered unless the status is 2xx."""
    import httpx2  # takes longer to load than everything else, and most installations don't use it

    try:
        async with asyncio.timeout(WITHIN):
            addresses = await asyncio.to_thread(resolve, target.host, networks, DNS_WITHIN)
            status, retry_after, text = await _send_to_any(target, addresses, body, headers, tls)
    except TimeoutError as error:
        raise NotDelivered(f"{target.host} didn't answer within {WITHIN:.0f} seconds.") from error
    except NoAddress as error:
        raise NotDelivered(str(error)) from error
    except AddressRefused as error:
        text = f"{target.host} has only addresses that Holdfast may not connect to. See HOLDFAST_PROBE_NETWORKS."
        raise NotDelivered(text) from error
    except (httpx2.HTTPError, ssl.SSLError, OSError) as error:
        where, text = f"{target.host}:{target.port}", _describe(error)
        if problem := find_verification_problem(text):
            raise NotDelivered(explain_unverified(where, problem)) from error
        raise NotDelivered(f"{where} can't be reached: {text}.") from error
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        ending = f": {text.rstrip('.')}." if text else "."
        raise NotDelivered(
            f"{target.host} answered {status}{ending}",
            pause=_read_pause(retry_after),
            rejected=status in CONTENT_REJECTED,
        )


async def _send_to_any(
    target: Target, addresses: Sequence[str], body: bytes, headers: Mapping[str, str], tls: ssl.SSLContext
) -> tuple[int, str, str]:
    """Send to the first of *addresses* that takes a connection: this machine may have no IPv6."""
    import httpx2

    for address in addresses[:-1]:
        try:
            return await _send(target, address, body, headers, tls)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            continue
    return await _send(target, addresses[-1], body, headers, tls)


async def _send(
    target: Target, address: str, body: bytes, headers: Mapping[str, str], tls: ssl.SSLContext
) -> tuple[int, str, str]:
    """Return the status, Retry-After and the begin of the text that the receiver answers."""
    import httpx2

    numeric = f"[{address}]" if ":" in address else address
    host = f"[{target.host}]" if ":" in target.host else target.host
    request_headers = {**headers, "Host": f"{host}:{target.port}", "Connection": "close"}
    # Connecting to the address that was checked: the name could have another one by now.
    extensions = {} if _is_address(target.host) else {"sni_hostname": target.host}
    timeout = httpx2.Timeout(WITHIN, connect=CONNECTS_WITHIN)
    url = f"{target.scheme}://{numeric}:{target.port}{target.path or '/'}"
    async with (
        httpx2.AsyncClient(verify=tls, timeout=timeout, follow_redirects=False, trust_env=False) as client,
        client.stream("POST", url, content=body, headers=request_headers, extensions=extensions) as answer,
    ):
        content = b""
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) >= MAX_READ:
                break
        text = " ".join(content[:MAX_READ].decode("utf-8", "replace").split())[:200]
        printable = "".join(character for character in text if character.isprintable())
        return answer.status_code, answer.headers.get("retry-after", ""), printable


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _describe(error: Exception) -> str:
    cause = error.__cause__ or error.__context__ or error
    text = " ".join((str(error) or str(cause) or type(error).__name__).split())
    return text.rstrip(".")[:200]


def _read_pause(text: str) -> float:
    """Return the seconds of Retry-After (RFC 9110, section 10.2.3), at most LONGEST_PAUSE; 0 for a date."""
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_PAUSE)
    return 0.0
