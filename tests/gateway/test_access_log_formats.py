"""Formats of access logs, and the rotation of their files."""

import asyncio
import os
import re
from contextlib import suppress
from pathlib import PosixPath

import pytest

from holdfast.gateway.telemetry import access_log_file
from holdfast.gateway.telemetry.access_log_file import AccessLogFile, AccessLogSettings
from holdfast.gateway.telemetry.access_log_format import ONLY_IF_NAMED, FormatUnusable, parse_format
from running import wait_until


def test_json_has_all_fields_that_contain_no_secrets():
    fields = parse_format("json").list_commands("sandbox")
    assert fields["environment"] == "sandbox"
    assert not ONLY_IF_NAMED & fields.keys()


def test_chosen_fields_and_headers_are_those_of_the_line():
    commands = parse_format("json:time, query,header.x-tenant").list_commands("production")
    assert list(commands) == ["time", "query", "header.x-tenant"]
    assert commands["header.x-tenant"] == "%FILTER_STATE(holdfast.caller.header.x-tenant:PLAIN)%"


def test_no_format_reads_a_header_that_filters_may_have_added():
    log_format = parse_format("json:query,host,user_agent,path,method,request_id,header.x-auth")
    text = " ".join(log_format.list_commands("production").values())
    assert set(re.findall(r'%REQ\(([^)]*)|"REQ","param":"([^"]*)', text)) == {(":METHOD", ""), ("", "X-REQUEST-ID")}
    assert set(log_format.find_states().values()) == {
        "%CEL(request.query):2048%", "%REQ(:AUTHORITY):255%", "%REQ(USER-AGENT):512%", "%REQ(X-AUTH):512%",
    }  # fmt: skip


def test_text_keeps_its_signs():
    assert parse_format("{{50%}} {status} {environment}").build_line("sandbox") == "{50%%} %RESPONSE_CODE% sandbox\n"


@pytest.mark.parametrize(
    "text",
    [
        "", "nothing", "{unknown}", "{status!r}", "{status:>5}", "{status", "{status}\n{path}", "json:", "json:x",
        "{header.authorization}", "json:header.Cookie", "{header.x-api-key}", "{header.x-token}", "{%REQ(COOKIE)%}",
    ],
)  # fmt: skip
def test_an_unknown_field_or_a_secret_is_rejected(text):
    with pytest.raises(FormatUnusable):
        parse_format(text)


@pytest.mark.parametrize("files", [0, 1, 2])
def test_only_so_many_rotated_files_are_kept(tmp_path, files):
    calls = []
    path = tmp_path / "access.log"
    settings = AccessLogSettings(path, parse_format("json"), 10, files)
    log = AccessLogFile(settings, tmp_path, lambda: not calls.append(1))
    assert log.prepare()
    for number in range(4):
        path.write_text(f"{number} and more than ten bytes")
        log.look()
        assert path.read_text() == ""
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        ["access-log", "access.log", *(f"access.log.{number}" for number in range(1, files + 1))]
    )
    assert len(calls) == 4


def test_while_the_file_cannot_be_opened_the_link_leads_to_nothing(tmp_path):
    path = tmp_path / "absent" / "access.log"
    log = AccessLogFile(AccessLogSettings(path, parse_format("json"), 10, 1), tmp_path, lambda: True)
    log.prepare()
    assert str(log.link.readlink()) == "/dev/null"
    assert "No such file" in log.problem
    path.parent.mkdir()
    log.look()
    assert (log.link.readlink(), log.problem) == (path, "")


def test_an_envoy_that_does_not_answer_is_asked_again(tmp_path):
    answers = [False, True]
    settings = AccessLogSettings(tmp_path / "access.log", parse_format("json"), 0, 1)
    log = AccessLogFile(settings, tmp_path, lambda: answers.pop(0))
    log.look()
    log.look()
    log.look()
    assert answers == []


def test_the_copy_continues_after_its_file_could_not_be_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(access_log_file, "LOOK_AGAIN", 0.01)
    reader, writer = os.pipe()
    monkeypatch.setattr(access_log_file, "_OUTPUT", writer)
    modes = []

    class Noted(PosixPath):
        def open(self, mode="r", *rest, **options):
            try:
                return super().open(mode, *rest, **options)
            except OSError:
                modes.append(mode)
                raise

    path = Noted(tmp_path / "access.log")
    log = AccessLogFile(AccessLogSettings(path, parse_format("json"), 0, 1, is_copied=True), tmp_path, lambda: True)
    log.prepare()

    async def story():
        following = asyncio.create_task(log.follow())
        lines = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(reader)
        )

        async def receive(line):
            """Write a line until it arrives, because the copy begins at the end of the file."""
            async with asyncio.timeout(30):
                while True:
                    with path.open("a") as file:
                        file.write(line)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            while await lines.readline() != line.encode():
                                pass
                            return

        await receive("before\n")
        path.unlink()
        path.mkdir()  # can't be opened as a file
        await asyncio.to_thread(wait_until, lambda: log.problem and modes)
        path.rmdir()
        await receive("after\n")
        following.cancel()
        transport.close()

    asyncio.run(story())
