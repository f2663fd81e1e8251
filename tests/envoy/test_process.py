"""Processes that are started, stopped, killed and restarted, and errors at startup."""

import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from backends import Backend, websocket_backend
from holdfast.doctor.health import ask, check
from holdfast.gateway.process.binary import find_envoy
from holdfast.server.settings import Settings
from issuing import issue
from running import NO_TLS, Holdfast, PublishedApi, is_running, refusal, wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.long]
HOST = "127.0.0.1"
NOT_TRUSTED = "503 backend_not_trusted"
IDENTITY = issue(HOST)
SOON = 5.0  # seconds to stop while nothing is in flight: under half a second where nothing else runs


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Holdfast]:
    """A Holdfast that the test may do anything to."""
    with Holdfast(tmp_path) as holdfast:
        yield holdfast


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend(IDENTITY) as running:
        yield running


def publish_trusted(holdfast: Holdfast, backend: Backend) -> tuple[PublishedApi, str]:
    api = holdfast.publish_api(backend.url())
    return api, holdfast.import_certificate(backend.url(), IDENTITY.pem)


def test_an_envoy_that_is_killed_serves_again(own: Holdfast, backend: Backend):
    api, alias = publish_trusted(own, backend)
    with Backend(IDENTITY) as other:
        other_api = own.publish_api(other.url())
        log = own.gateway / "envoy.log"
        for _ in range(2):
            first = own.envoy
            log.unlink()
            log.mkdir()  # its log is lost then, but traffic continues
            os.kill(first, signal.SIGKILL)
            wait_until(lambda first=first: not is_running(first))
            wait_until(lambda: own.answers(api), within=20)
            assert own.call(api.path).status_code == 200
            assert refusal(own.call(other_api.path)) == NOT_TRUSTED
            assert own.envoy != first
            log.rmdir()
            log.touch()
    own.delete_certificate(alias)
    wait_until(lambda: not own.call(api.path).is_success)


def test_an_envoy_that_cannot_be_started_for_a_moment_serves_again_after(tmp_path: Path, backend: Backend):
    """As when its package is being replaced."""
    envoy, away = tmp_path / "envoy", tmp_path / "away"
    envoy.symlink_to(find_envoy())
    with Holdfast(tmp_path, HOLDFAST_ENVOY=str(envoy)) as holdfast:
        api, _ = publish_trusted(holdfast, backend)

        def is_ready() -> bool:
            return httpx2.get(f"{holdfast.publisher_url}/readyz", verify=NO_TLS, trust_env=False, timeout=30).is_success

        assert is_ready()
        envoy.rename(away)
        os.kill(holdfast.envoy, signal.SIGKILL)
        wait_until(lambda: any(line["event"] == "gateway process can't start" for line in holdfast.log_lines()))
        wait_until(lambda: not is_ready())
        settings = Settings(data=holdfast.data, publisher=holdfast.publisher_url.removeprefix("http://"))
        result = check(ask(settings, settings.publisher))
        assert result.text.startswith("The running Holdfast isn't ready: gateway")
        away.rename(envoy)
        wait_until(lambda: holdfast.answers(api))
        assert holdfast.call(api.path).status_code == 200
        wait_until(is_ready)


def test_a_restart_keeps_everything(own: Holdfast, backend: Backend):
    api, alias = publish_trusted(own, backend)
    before = own.rest.get(f"/endpoint-certificates/{alias}").json()
    with Backend(IDENTITY) as other:
        other_api = own.publish_api(other.url(), sandbox=backend.url())
        for _ in range(3):  # a busy machine can be slow once
            begin = time.monotonic()
            own.stop()
            took = time.monotonic() - begin
            own.start()
            if took < SOON:
                break
        assert took < SOON
        assert own.call(api.path).status_code == 200
        assert refusal(own.call(other_api.path)) == NOT_TRUSTED
        assert own.call(other_api.path, sandbox=True).status_code == 200
    after = own.rest.get(f"/endpoint-certificates/{alias}").json()
    assert {**before, "enforcement": None} == {**after, "enforcement": None}
    own.delete_certificate(alias)
    wait_until(lambda: not own.call(api.path).is_success)


def test_acknowledged_changes_survive_a_kill_at_the_same_moment(own: Holdfast, backend: Backend):
    api = own.publish_api(backend.url())
    form = {"alias": "kept", "endpoint": backend.url()}
    assert own.rest.post("/endpoint-certificates", data=form, files={"certificate": IDENTITY.pem}).status_code == 201
    own.kill()
    own.start()
    own.wait_until_enforced("kept")
    assert own.call(api.path).status_code == 200

    own.delete_certificate("kept")
    own.kill()
    own.start()
    assert own.rest.get("/endpoint-certificates/kept").status_code == 404
    assert refusal(own.call(api.path)) == NOT_TRUSTED

    own.delete_api(api)
    own.kill()
    own.start()
    assert refusal(own.call(api.path)) == "404 not_found"
    assert len(list(own.data.parent.glob("holdfast-*"))) == 2  # of publisher and gateway; those of the killed are gone


def test_only_its_user_can_read_the_files_of_a_running_holdfast(holdfast: Holdfast):
    files, directories = {}, {}
    for path in [holdfast.data, *holdfast.data.rglob("*")]:
        with suppress(FileNotFoundError):  # some are replaced meanwhile
            status = path.stat()
            (directories if stat.S_ISDIR(status.st_mode) else files)[path.name] = status.st_mode & 0o777
    assert files.keys() >= {"holdfast.sqlite", "holdfast.sqlite-wal", "holdfast.sqlite-shm", "envoy.log", "lock"}
    assert files.keys() >= {"envoy.json", "envoy.lock"}
    assert set(files.values()) == {0o600}
    assert set(directories.values()) == {0o700}


def test_a_holdfast_without_apis_starts_without_waiting_for_them(holdfast: Holdfast):
    assert "initial fetch timed out" not in (holdfast.gateway / "envoy.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_both_processes_although_streams_and_websockets_are_open(
    own: Holdfast, backend: Backend, number: signal.Signals
):
    api, _ = publish_trusted(own, backend)
    with websocket_backend(IDENTITY) as url:
        sockets = own.publish_trusted_api(url, IDENTITY.pem)
        with (
            own.caller() as client,
            client.stream("GET", f"{api.path}/stream") as answer,
            connect(own.gateway_url.replace("http", "ws", 1) + sockets.path, open_timeout=30) as websocket,
        ):
            lines = answer.iter_lines()
            assert next(lines) == "begun"
            websocket.send("hello")
            assert "hello" in str(websocket.recv(30))
            envoy = own.envoy
            own.stop(number)  # looks at the exit code
            with pytest.raises(httpx2.TransportError):
                next(lines)
            with pytest.raises(ConnectionClosed):
                websocket.recv(30)
    assert not is_running(envoy)


@pytest.mark.parametrize("which", ["publisher", "gateway", "sandbox"])
def test_a_busy_port_is_named_with_the_option_to_choose_another(tmp_path: Path, which: str):
    with socket.create_server((HOST, 0)) as server:
        address = f"{HOST}:{server.getsockname()[1]}"
        message = Holdfast(tmp_path).refuse_to_start(**{which: address})
        assert message == (
            f"holdfast: Can't listen on {address}: address already in use. "
            f"Stop the program that uses it, or choose another with --{which} HOST:PORT."
        )


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    for data, reason in ((file, "File exists"), (file / "below", "Not a directory")):
        message = Holdfast(tmp_path).refuse_to_start(data=str(data))
        assert message == f"holdfast: Can't write {data}: {reason}. Choose another with --data."


def test_a_log_of_envoy_that_cannot_be_opened_is_one_sentence(tmp_path: Path):
    own = Holdfast(tmp_path)
    own.data.mkdir(mode=0o700)
    log = own.gateway / "envoy.log"
    log.mkdir(parents=True, mode=0o700)
    message = f"holdfast: Can't open Envoy's log {log} (Is a directory). Move it; Holdfast creates a new one."
    assert own.refuse_to_start() == message
    own.rest.close()


def test_a_data_directory_is_used_by_one_at_a_time(holdfast: Holdfast, tmp_path: Path):
    message = Holdfast(tmp_path).refuse_to_start(data=str(holdfast.data))
    text = (
        f"Holdfast is already running with the data directory {holdfast.data}. Stop it, or choose another with --data."
    )
    assert message == f"holdfast: {text}"


def test_a_missing_envoy_is_named_with_its_setting(tmp_path: Path):
    message = Holdfast(tmp_path, HOLDFAST_ENVOY="/nonexistent").refuse_to_start()
    assert message == "holdfast: No Envoy at /nonexistent. Correct HOLDFAST_ENVOY or unset it."
