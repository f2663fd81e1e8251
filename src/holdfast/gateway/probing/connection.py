"""
Connections to backends through Envoy's probe listener, a unix socket.
"""

import asyncio
import contextlib
import hashlib
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from holdfast.gateway.probing.constants import CLUSTER_HEADER, FLAGS_HEADER, REFUSAL, SEEN_HEADERS

MAX_REPLY = 1024 * 1024
MAX_REASON = 1000  # characters; it contains the names in the backend's certificate, which may be many
# The cluster determines where to connect. This isn't the backend's host, because Envoy answers 400 to a CONNECT for a
# host name with an underscore (measured on 1.40).
_AUTHORITY = "backend:443"
_PIECE = 16 * 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2})[ \r]")
_FLAGS = re.compile(rb"\r\n" + FLAGS_HEADER.encode() + rb": ([^\r]*)\r\n", re.IGNORECASE)


class NoAnswer(RuntimeError):
    """The gateway can't be reached, or its answer can't be read."""


class ProbeRejected(RuntimeError):
    """Envoy rejected the resources of a probe; the text is Envoy's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The gateway's result: connected, with details of the connection, or failed, with its reason and flags."""

    connected: bool
    reason: str = ""
    flags: str = ""  # `%RESPONSE_FLAGS%`, like UF
    address: str = ""  # of the backend, with port; only if connected
    tls_version: str = ""
    cipher: str = ""
    fingerprint: str = ""  # SHA-256 of the certificate that it verified, lower-case hex; empty: unknown


@dataclass(frozen=True, slots=True)
class HeadAnswer:
    """The status of the backend's response, or 0 and the gateway's response flags."""

    status: int = 0
    flags: frozenset[str] = frozenset()  # like UPE; including the protocol of the connection, like HTTP/2


class Connection:
    """The gateway's answer and, if it connected, its connection to the backend, on which nothing is sent."""

    def __init__(self, answer: Answer, reader: asyncio.StreamReader) -> None:
        self.answer = answer
        self._reader = reader

    async def wait_until_closed(self) -> None:
        """Wait until the backend closes the connection; anything that it sends is discarded."""
        with contextlib.suppress(OSError):
            while await self._reader.read(_PIECE):
                pass


@asynccontextmanager
async def connect(socket: Path, cluster: str) -> AsyncIterator[Connection]:
    """
    Connect the gateway to the backend of *cluster* until the block ends.

    Raises:
        NoAnswer: The gateway can't be reached, or its answer can't be read.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket), limit=MAX_REPLY)
    except OSError as error:
        raise NoAnswer(f"The gateway can't be reached ({error.strerror}).") from error
    try:
        request = f"CONNECT {_AUTHORITY} HTTP/1.1\r\nhost: {_AUTHORITY}\r\n{CLUSTER_HEADER}: {cluster}\r\n\r\n"
        try:
            writer.write(request.encode("ascii"))
            answer = await _read_answer(reader)
        except (OSError, EOFError, LookupError, ValueError, asyncio.LimitOverrunError) as error:
            raise NoAnswer("The gateway did not send a complete answer.") from error
        yield Connection(answer, reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def probe_head(socket: Path, cluster: str, authority: str, path: str) -> HeadAnswer:
    """
    Send `HEAD` *path* through the gateway to the backend of *cluster*, without credentials, as callers' requests go.

    Only the status of the backend's response is read.

    Raises:
        NoAnswer: The gateway can't be reached, or its answer can't be read.
    """
    request = (
        f"HEAD {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: Holdfast\r\n{CLUSTER_HEADER}: {cluster}\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket), limit=MAX_REPLY)
    except OSError as error:
        raise NoAnswer(f"The gateway can't be reached ({error.strerror}).") from error
    try:
        writer.write(request.encode("ascii"))
        head = await reader.readuntil(b"\r\n\r\n")
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        raise NoAnswer("The gateway did not send a complete answer.") from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    # The gateway removes this header from backends' responses.
    if flags := _FLAGS.search(head):
        return HeadAnswer(flags=frozenset(flags[1].decode("ascii").split(",")))
    # The gateway forwards any number as a status, such as 2000.
    status = _STATUS_LINE.match(head)
    return HeadAnswer(int(status[1])) if status else HeadAnswer(flags=frozenset({"UPE"}))


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.lower(): "" if value.strip() == "-" else value.strip() for name, _, value in pairs}
    if status.split()[1] == "200":
        version, cipher, certificate, address = (headers.get(name, "") for name in SEEN_HEADERS)
        return Answer(
            True, address=address, tls_version=version, cipher=cipher, fingerprint=_read_fingerprint(certificate)
        )
    length = int(headers["content-length"])
    if length > MAX_REPLY:
        raise ValueError("the reply is too long")
    body = json.loads(await reader.readexactly(length))
    reason, details, flags = (str(body[name] or "") for name in REFUSAL)
    return Answer(False, (reason or details)[:MAX_REASON], flags)


def _read_fingerprint(certificate: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(unquote(certificate))).hexdigest() if certificate else ""
