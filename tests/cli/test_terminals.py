"""Output and prompts on a terminal."""

import os
import pty
import signal
import subprocess

import pytest

from cli.answering import answering
from running import COMMAND

BODY = b"""{"list": [{"name": "Pizza", "version": "1", "context": "/a", "lifeCycleStatus": "PUBLISHED", "id": "1"}]}"""
TOKEN = b"""{"scopes": [], "list": [], "token": "hfp_new", "expiresTime": "2100-01-01T00:00:00Z"}"""


class Terminal:
    """A command on a separate terminal."""

    def __init__(self, *arguments, environment):
        ours, theirs = pty.openpty()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "NO_COLOR"))}
        self._process = subprocess.Popen(
            [COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=clean | {"TERM": "xterm", "COLUMNS": "80"} | environment,
            start_new_session=True,
        )
        os.close(theirs)
        self._terminal = ours
        self.shown = ""

    def read(self) -> bool:
        """Take in what is shown next; say whether there can be more."""
        try:
            data = os.read(self._terminal, 4096)
        except OSError:  # on Linux, the other side is closed
            data = b""
        self.shown += data.decode()
        return bool(data)

    def read_until(self, text: str) -> None:
        """Wait until *text* is shown."""
        while text not in self.shown:
            assert self.read(), self.shown

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._terminal, f"{line}\n".encode())

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C."""
        os.kill(self._process.pid, signal.SIGINT)

    def end(self) -> int:
        """Wait until the command ends and give its exit code."""
        while self.read():
            pass
        os.close(self._terminal)
        return self._process.wait(120)


@pytest.fixture
def listing(guest):
    """Return the output of `holdfast api list` with these variables."""

    def listing(**environment):
        with answering(body=BODY) as server:
            ours = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": "abc"}
            terminal = Terminal("api", "list", environment=guest.environment | ours | environment)
            assert terminal.end() == 0
        return terminal.shown

    return listing


def test_a_terminal_has_colors(listing):
    assert "\x1b[32mPUBLISHED" in listing()


def test_no_color_turns_colors_off(listing):
    assert "[32m" not in listing(NO_COLOR="1")


def test_a_password_typed_at_a_terminal_is_not_printed(guest):
    with answering(body=TOKEN) as server:
        terminal = Terminal("login", server.url, environment=guest.environment)
        terminal.read_until("User [admin]: ")
        terminal.type("berta")
        terminal.read_until("Password of berta: ")
        terminal.type("hunter2")
        assert terminal.end() == 0
        assert server.requests[0].headers["Authorization"].startswith("Basic ")
    assert "hunter2" not in terminal.shown
    assert f"Signed in to {server.url} as berta until 2100-01-01" in terminal.shown.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("arguments", "question"),
    [(("login", "http://127.0.0.1:9"), "User [admin]: "), (("login", "--user", "berta"), "Password of berta: ")],
)
def test_ctrl_c_exits_with_130_without_a_traceback(guest, arguments, question):
    terminal = Terminal(*arguments, environment=guest.environment)
    terminal.read_until(question)
    terminal.press_ctrl_c()
    assert terminal.end() == 130
    assert terminal.shown.splitlines()[-1] == "holdfast: Interrupted."


@pytest.mark.envoy
def test_progress_is_shown_only_on_a_terminal(command, tmp_path):
    apis = "".join(f"  - {{name: Api{n}, context: /api{n}, version: 1}}\n" for n in range(30))
    (tmp_path / "many.yaml").write_text(f"holdfast: 1\napis:\n{apis}")
    terminal = Terminal("apply", "-f", tmp_path / "many.yaml", "--yes", environment=command.environment)
    assert terminal.end() == 0
    assert "Applying" in terminal.shown
    assert "Applied 30 changes." in terminal.shown
    result = command.process("diff", "-f", tmp_path / "many.yaml")
    assert (result.output, result.errors) == ("No changes.\n", "")
