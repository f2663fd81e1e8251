"""What comes over the socket on which the gateway is asked, also when it is not what it should be."""

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
    """Ask somebody who says *reply*; give the answer, whether the connection ended, and what was asked."""
    asked = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        if not end:
            await reader.read()
        writer.close()

    async def story() -> tuple[Answer, bool]:
        server = await asyncio.start_unix_server(serve, directory / "probe")
        async with server, connect(directory / "probe", "probe/1") as made:
            return made.answer, await made.ends_within(0.05)

    answer, ended = asyncio.run(story())
    return answer, ended, asked


def refusal(body: bytes) -> bytes:
    return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def test_a_connection_is_asked_for_by_the_name_of_its_cluster(tmp_path):
    answer, ended, asked = ask(tmp_path, b"HTTP/1.1 200 OK\r\nx-holdfast-tls-version: TLSv1.3\r\n\r\nhello", end=False)
    assert asked.startswith(b"CONNECT backend:443 HTTP/1.1\r\n")
    assert b"\r\nx-holdfast-probe: probe/1\r\n" in asked
    assert (answer, ended) == (Answer(True, tls_version="TLSv1.3"), False)


def test_a_backend_that_ends_the_connection_is_noticed(tmp_path):
    answer, ended, _ = ask(tmp_path, b"HTTP/1.1 200 OK\r\nx-holdfast-tls-cipher: -\r\n\r\nhello")
    assert (answer, ended) == (Answer(True), True)


def test_a_refusal_says_its_reason_and_flags_and_details_where_there_is_no_reason(tmp_path):
    answer, _, _ = ask(tmp_path, refusal(b'{"reason":"expired","details":"x","flags":"UF"}'))
    assert answer == Answer(False, "expired", "UF")
    (tmp_path / "probe").unlink(missing_ok=True)
    answer, _, _ = ask(tmp_path, refusal(b'{"reason":null,"details":"connection_timeout","flags":"UF"}'))
    assert answer == Answer(False, "connection_timeout", "UF")


def test_a_reason_without_an_end_is_cut(tmp_path):
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
def test_what_cannot_be_read_is_no_answer(tmp_path, reply):
    with pytest.raises(NoAnswer):
        ask(tmp_path, reply)


def test_nobody_gives_no_answer(tmp_path):
    async def story() -> None:
        async with connect(tmp_path / "nobody", "probe/1"):
            pass

    with pytest.raises(NoAnswer, match="No such file"):
        asyncio.run(story())


def head(directory, said: bytes) -> tuple[HeadAnswer, bytes]:
    """Let the gateway send a HEAD request and say *said*; give what that means and what it was asked."""
    asked = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async def story() -> HeadAnswer:
        async with await asyncio.start_unix_server(serve, directory / "probe"):
            return await probe_head(directory / "probe", "probe/1", "backend.test", "/base")

    return asyncio.run(story()), asked


def test_a_head_request_is_sent_to_the_cluster_and_its_status_read(tmp_path):
    answer, asked = head(tmp_path, b"HTTP/1.1 405 No\r\nallow: GET\r\n\r\n")
    assert answer == HeadAnswer(405)
    assert asked == (
        b"HEAD /base HTTP/1.1\r\nhost: backend.test\r\nuser-agent: Holdfast\r\nx-holdfast-probe: probe/1\r\n\r\n"
    )


def test_a_switch_of_protocols_that_nobody_asked_for_is_an_answer_of_the_backend(tmp_path):
    assert head(tmp_path, b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n")[0] == HeadAnswer(101)


def test_flags_mean_that_the_backend_did_not_answer(tmp_path):
    answer, _ = head(tmp_path, b"HTTP/1.1 502 Bad Gateway\r\nX-Holdfast-Flags: UPE,URX\r\nserver: envoy\r\n\r\n")
    assert answer == HeadAnswer(flags=frozenset({"UPE", "URX"}))


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", b"x" * (MAX_REPLY + 1)])
def test_what_is_no_answer_of_the_gateway_is_not_read_as_one(tmp_path, said):
    with pytest.raises(NoAnswer):
        head(tmp_path, said)


def test_a_number_that_is_no_status_is_no_answer_of_the_backend(tmp_path):
    assert head(tmp_path, b"HTTP/1.1 2000 x\r\n\r\n")[0] == HeadAnswer(flags=frozenset({"UPE"}))
