"""
Asking the embedded gateway, over its unix socket, whether it connects to a backend.
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
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

from holdfast.gateway.probing import CLUSTER_HEADER, REFUSAL, SEEN_HEADERS

MAX_REPLY = 1024 * 1024
MAX_LINES = 100  # of a backend's answer, before its final status
MAX_REASON = 1000  # characters; it holds names of the backend's certificate, without a bound
_PIECE = 16 * 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")


class NoAnswer(RuntimeError):
    """The gateway did not say anything that can be read as an answer."""


class NotHttp(RuntimeError):
    """A backend ended the connection instead of answering a request; *said*: not without saying something else."""

    def __init__(self, *, said: bool) -> None:
        self.said = said
        super().__init__("The backend gave no answer of HTTP/1.1.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway made of a backend: connected, with what it saw there, or not, with its reason and flags."""

    connected: bool
    reason: str = ""
    flags: str = ""  # `%RESPONSE_FLAGS%`, like UF
    address: str = ""  # of the backend, with port; only where it connected
    tls_version: str = ""
    cipher: str = ""
    fingerprint: str = ""  # SHA-256 of the certificate that it verified, lower-case hex; empty: it does not say


class Connection:
    """The gateway's answer and, where it connected, its connection to the backend; only `head` sends anything on it."""

    def __init__(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.answer = answer
        self._reader = reader
        self._writer = writer

    async def ends_within(self, seconds: float) -> bool:
        """Say whether the backend ends the connection in that time; what it says meanwhile is thrown away."""
        try:
            async with asyncio.timeout(seconds):
                while await self._reader.read(_PIECE):
                    pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    async def head(self, authority: str, path: str) -> int:
        """
        Send `HEAD` *path* by HTTP/1.1, without credentials, and give the status of the answer; no more is kept of it.

        Raises:
            NotHttp: There is no answer, or none of HTTP/1.1.
        """
        request = f"HEAD {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: Holdfast\r\nconnection: close\r\n\r\n"
        try:
            self._writer.write(request.encode("ascii"))
            return await self._read_status()
        except asyncio.IncompleteReadError as error:
            raise NotHttp(said=bool(error.partial)) from error
        except asyncio.LimitOverrunError as error:
            raise NotHttp(said=True) from error
        except OSError as error:
            raise NotHttp(said=False) from error

    async def _read_status(self) -> int:
        final = True
        for _ in range(MAX_LINES):
            line = await self._reader.readuntil(b"\n")
            if not final:  # the rest of an interim answer (RFC 9110, section 15.2)
                final = not line.strip()
            elif found := _STATUS_LINE.match(line):
                status = int(found[1])
                final = status >= HTTPStatus.OK
                if final:
                    return status
            else:
                break
        raise NotHttp(said=True)


@asynccontextmanager
async def connection(socket: Path, cluster: str, authority: str) -> AsyncIterator[Connection]:
    """
    Let the gateway connect to the backend of *cluster* until the block ends; *authority* is its host and port.

    Raises:
        NoAnswer: The gateway cannot be asked.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket), limit=MAX_REPLY)
    except OSError as error:
        raise NoAnswer(f"The gateway takes no questions ({error.strerror}).") from error
    try:
        request = f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n{CLUSTER_HEADER}: {cluster}\r\n\r\n"
        try:
            writer.write(request.encode("ascii"))
            answer = await _read_answer(reader)
        except (OSError, EOFError, LookupError, ValueError, asyncio.LimitOverrunError) as error:
            raise NoAnswer("The gateway ended the conversation.") from error
        yield Connection(answer, reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.lower(): "" if value.strip() == "-" else value.strip() for name, _, value in pairs}
    if status.split()[1] == "200":
        version, cipher, certificate, address = (headers.get(name, "") for name in SEEN_HEADERS)
        return Answer(True, address=address, tls_version=version, cipher=cipher, fingerprint=_fingerprint(certificate))
    length = int(headers["content-length"])
    if length > MAX_REPLY:
        raise ValueError("a reply that is too long")
    body = json.loads(await reader.readexactly(length))
    reason, details, flags = (str(body[name] or "") for name in REFUSAL)
    return Answer(False, (reason or details)[:MAX_REASON], flags)


def _fingerprint(certificate: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(unquote(certificate))).hexdigest() if certificate else ""
