"""Replies of the probe listener, including invalid ones."""

import asyncio

import pytest

from holdfast.gateway.probing.connection import (
    MAX_REASON,
    MAX_REPLY,
    Answer,
    HeadAnswer,
    NoAnswer,
    connect,
    probe_head,
)


def ask(directory, reply: bytes, *, end: bool = True) -> tuple[Answer, bool, bytes]:
    """Probe a listener that sends *reply*; return the answer, whether the connection ended, and the request."""
    request = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal request
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        if not end:
            await reader.read()
        writer.close()

    async def story() -> tuple[Answer, bool]:
        server = await asyncio.start_unix_server(serve, directory / "probe")
        async with server, connect(directory / "probe", "probe/1") as connection:
            try:
                async with asyncio.timeout(20 if end else 0.05):
                    await connection.wait_until_closed()
            except TimeoutError:
                return connection.answer, False
            return connection.answer, True

    answer, is_closed = asyncio.run(story())
    return answer, is_closed, request


def refusal(body: bytes) -> bytes:
    return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def test_a_probe_names_its_cluster(tmp_path):
    reply = b"HTTP/1.1 200 OK\r\nx-holdfast-tls-version: TLSv1.3\r\n\r\nhello"
    answer, is_closed, request = ask(tmp_path, reply, end=False)
    assert request.startswith(b"CONNECT backend:443 HTTP/1.1\r\n")
    assert b"\r\nx-holdfast-probe: probe/1\r\n" in request
    assert (answer, is_closed) == (Answer(True, tls_version="TLSv1.3"), False)


def test_a_backend_that_closes_the_connection_is_detected(tmp_path):
    answer, is_closed, _ = ask(tmp_path, b"HTTP/1.1 200 OK\r\nx-holdfast-tls-cipher: -\r\n\r\nhello")
    assert (answer, is_closed) == (Answer(True), True)


def test_a_failed_probe_has_flags_and_a_reason_or_else_details(tmp_path):
    answer, _, _ = ask(tmp_path, refusal(b'{"reason":"expired","details":"x","flags":"UF"}'))
    assert answer == Answer(False, "expired", "UF")
    (tmp_path / "probe").unlink(missing_ok=True)
    answer, _, _ = ask(tmp_path, refusal(b'{"reason":null,"details":"connection_timeout","flags":"UF"}'))
    assert answer == Answer(False, "connection_timeout", "UF")


def test_an_endless_reason_is_truncated(tmp_path):
    answer, _, _ = ask(tmp_path, refusal(b'{"reason":"%b","details":null,"flags":"UF"}' % (b"x" * 100_000)))
    assert len(answer.reason) == MAX_REASON


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-holdfast-certificate: nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * (MAX_REPLY + 1),
        b"HTTP/1.1 \xff\r\n\r\n",
        b"HTTP/1.1 503 No\r\n\r\n",
        b"HTTP/1.1 503 No\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 503 No\r\ncontent-length: 99999999\r\n\r\n",
        b"HTTP/1.1 503 No\r\ncontent-length: 10\r\n\r\n{}",
        refusal(b"{}"),
        refusal(b"nonsense"),
    ],
)
def test_an_unreadable_reply_is_not_an_answer(tmp_path, reply):
    with pytest.raises(NoAnswer):
        ask(tmp_path, reply)


def test_a_missing_socket_is_not_an_answer(tmp_path):
    async def story() -> None:
        async with connect(tmp_path / "nobody", "probe/1"):
            pass

    with pytest.raises(NoAnswer, match="No such file"):
        asyncio.run(story())


def head(directory, reply: bytes) -> tuple[HeadAnswer, bytes]:
    """Probe with a HEAD request a listener that sends *reply*; return the answer and the request."""
    request = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal request
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    async def story() -> HeadAnswer:
        async with await asyncio.start_unix_server(serve, directory / "probe"):
            return await probe_head(directory / "probe", "probe/1", "backend.test", "/base")

    return asyncio.run(story()), request


def test_a_head_request_goes_to_the_cluster_and_its_status_is_read(tmp_path):
    answer, request = head(tmp_path, b"HTTP/1.1 405 No\r\nallow: GET\r\n\r\n")
    assert answer == HeadAnswer(405)
    assert request == (
        b"HEAD /base HTTP/1.1\r\nhost: backend.test\r\nuser-agent: Holdfast\r\nx-holdfast-probe: probe/1\r\n\r\n"
    )


def test_an_unrequested_protocol_switch_is_a_response_of_the_backend(tmp_path):
    assert head(tmp_path, b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n")[0] == HeadAnswer(101)


def test_flags_mean_that_the_backend_did_not_answer(tmp_path):
    answer, _ = head(tmp_path, b"HTTP/1.1 502 Bad Gateway\r\nX-Holdfast-Flags: UPE,URX\r\nserver: envoy\r\n\r\n")
    assert answer == HeadAnswer(flags=frozenset({"UPE", "URX"}))


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200", b"x" * (MAX_REPLY + 1)])
def test_a_reply_that_is_not_the_gateways_is_not_an_answer(tmp_path, reply):
    with pytest.raises(NoAnswer):
        head(tmp_path, reply)


def test_a_number_that_is_not_a_status_is_not_a_response_of_the_backend(tmp_path):
    assert head(tmp_path, b"HTTP/1.1 2000 x\r\n\r\n")[0] == HeadAnswer(flags=frozenset({"UPE"}))
