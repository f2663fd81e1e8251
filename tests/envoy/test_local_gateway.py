"""`holdfast gateway run`, `restart`, `stop` and `status`, with a real publisher and without one."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends import Backend
from holdfast.gateway.process.binary import find_envoy
from issuing import issue
from load import Load
from running import COMMAND, START_WITHIN, Holdfast, PublishedApi, is_running, kill, refusal, wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.long]
IDENTITY = issue("127.0.0.1")
LARGEST_AGENT = 62  # MB; 58.5 measured, of which 30 are shared files, and kernels differ in how much of these they map


@pytest.fixture(scope="module")
def envoy_link(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Envoy that is used: a link, so that a test can break it."""
    link = tmp_path_factory.mktemp("envoy") / "envoy"
    link.symlink_to(find_envoy())
    return link


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, envoy_link: Path) -> Iterator[Holdfast]:
    """A Holdfast that the tests may do anything to; each leaves it running."""
    with Holdfast(tmp_path_factory.mktemp("own"), forks=False, HOLDFAST_ENVOY=str(envoy_link)) as holdfast:
        yield holdfast


@pytest.fixture(scope="module")
def api(own: Holdfast) -> Iterator[PublishedApi]:
    with Backend(IDENTITY) as backend:
        yield own.publish_trusted_api(backend.url(), IDENTITY.pem)


def command(own: Holdfast, *words: str) -> subprocess.CompletedProcess[str]:
    words = (str(COMMAND), "gateway", *words, f"--data={own.gateway}")
    return subprocess.run(words, env=own.environment, capture_output=True, text=True, timeout=START_WITHIN, check=False)


def status(own: Holdfast) -> dict[str, object]:
    members: dict[str, object] = json.loads(command(own, "status", "--json").stdout)
    return members


def is_following(own: Holdfast) -> bool:
    """Return whether an agent runs and is connected to the publisher."""
    members = status(own)
    return members["pid"] is not None and members["staleSince"] is None


def has_logged(own: Holdfast, event: str) -> bool:
    """Return whether an event with the missing Envoy as its reason was logged."""
    return any(line["event"] == event and "No Envoy at" in line["why"] for line in own.log_lines())


@contextmanager
def standalone(own: Holdfast) -> Iterator[subprocess.Popen[bytes]]:
    """Run the gateway without a publisher."""
    words = [str(COMMAND), "gateway", "run", f"--data={own.gateway}", "--name=local"]
    with subprocess.Popen(words, env=own.environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert b"The gateway is starting" in process.stdout.readline()
            yield process
        finally:
            process.terminate()
            process.wait(60)


def resident(process: int) -> float:
    """Return the resident memory of *process* in MB."""
    return int(Path(f"/proc/{process}/status").read_text().split("VmRSS:")[1].split()[0]) * 1024 / 1_000_000


@contextmanager
def wait_until_served(own: Holdfast, api: PublishedApi) -> Iterator[None]:
    wait_until(lambda: own.answers(api))
    yield


def test_an_agent_stays_small(own: Holdfast, api: PublishedApi):
    with wait_until_served(own, api):
        assert own.agent
        memory = resident(own.agent)
    assert memory < LARGEST_AGENT, f"The agent of `holdfast up` with one API has {memory:.1f} MB of resident memory."


def test_a_restart_replaces_envoy_and_fails_no_request(own: Holdfast, api: PublishedApi):
    agent, envoy = own.agent, own.envoy
    with Load(own, api.path, reconnects=True) as load:
        process = command(own, "restart")
        load.go_on()
    assert (process.returncode, process.stdout) == (0, "The gateway has restarted.\n"), process.stderr
    assert set(load.answers) == {"200"}
    assert own.agent == agent
    assert own.envoy != envoy
    wait_until(lambda: is_following(own))


def test_a_restart_with_a_broken_envoy_keeps_the_running_one(own: Holdfast, api: PublishedApi, envoy_link: Path):
    envoy, target = own.envoy, envoy_link.readlink()
    for program in (Path("/bin/false"), Path("/nonexistent")):
        envoy_link.unlink()
        envoy_link.symlink_to(program)
        try:
            process = command(own, "restart")
        finally:
            envoy_link.unlink()
            envoy_link.symlink_to(target)
        assert (process.returncode, process.stdout) == (1, "")
        assert "The old Envoy keeps serving." in process.stderr
        assert own.envoy == envoy
        assert own.call(api.path).status_code == 200


def test_an_agent_that_finds_no_envoy_binary_adopts_the_running_one(own: Holdfast, api: PublishedApi, envoy_link: Path):
    agent, envoy, target = own.agent, own.envoy, envoy_link.readlink()
    envoy_link.unlink()
    try:
        own.kill_publisher()
        own.kill_agent()
        own.start()
        assert (own.agent != agent, own.envoy) == (True, envoy)
        wait_until(lambda: has_logged(own, "gateway process keeps running, because it can't be replaced"))
        assert own.call(api.path).status_code == 200
        kill(envoy)
        wait_until(lambda: has_logged(own, "gateway process can't start"))
    finally:
        envoy_link.symlink_to(target)
    wait_until(lambda: own.answers(api), START_WITHIN)
    assert own.envoy != envoy


def test_a_killed_agent_is_started_again_and_adopts_envoy(own: Holdfast, api: PublishedApi):
    agent, envoy = own.agent, own.envoy
    with Load(own, api.path, reconnects=True) as load:
        own.kill_agent()
        wait_until(lambda: own.rest.get("/apis").is_success and is_following(own), START_WITHIN)
        load.go_on()
    assert set(load.answers) == {"200"}
    assert own.agent != agent
    assert own.envoy == envoy


def test_removed_trust_stays_removed_although_everything_is_killed_and_no_publisher_returns(
    own: Holdfast, api: PublishedApi
):
    with Backend(IDENTITY) as backend:
        other = own.publish_api(backend.url())
        alias = own.import_certificate(backend.url(), IDENTITY.pem)
        assert own.call(other.path).status_code == 200
        own.delete_certificate(alias)
        wait_until(lambda: not own.call(other.path).is_success)
        wait_until(lambda: all_enforced(own, backend.url()))
        own.kill()
        with standalone(own):
            wait_until(lambda: own.answers(api))
            assert own.call(api.path).status_code == 200
            assert refusal(own.call(other.path)) == "503 backend_not_trusted"
            members = wait_until(lambda: (report := status(own))["staleSince"] and report)
            assert (members["running"], members["name"]) == (True, "local")
    own.start()


def all_enforced(own: Holdfast, endpoint: str) -> bool:
    where = {"endpoint": endpoint}
    answer = own.rest.get("/endpoints/trust-settings", params=where).json()
    return bool(answer["enforcement"]["progress"] == "enforced")


def test_a_gateway_that_is_stopped_while_it_restarts_leaves_no_envoy_behind(own: Holdfast, api: PublishedApi):
    own.stop()
    with standalone(own) as gateway, wait_until_served(own, api):
        envoy = own.envoy
        gateway.send_signal(signal.SIGHUP)
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(START_WITHIN)
        assert not is_running(envoy)
    own.start()


def test_a_gateway_that_is_started_separately_outlives_a_publisher_that_is_stopped(own: Holdfast, api: PublishedApi):
    own.stop()
    with standalone(own) as gateway, wait_until_served(own, api), Load(own, api.path, reconnects=True) as load:
        own.environment["HOLDFAST_WITHOUT_GATEWAY"] = "true"
        try:
            own.start()
            wait_until(lambda: is_following(own))
            memory = resident(gateway.pid)
            assert memory < LARGEST_AGENT, (
                f"`holdfast gateway run` with one API has {memory:.1f} MB of resident memory."
            )
            own.stop(still_serving=True)
            wait_until(lambda: status(own)["staleSince"] is not None)
            load.go_on()
            assert gateway.poll() is None
        finally:
            del own.environment["HOLDFAST_WITHOUT_GATEWAY"]
        assert set(load.answers) == {"200"}
    own.start()


def test_a_stopped_gateway_is_not_started_again(own: Holdfast, api: PublishedApi):
    agent, envoy = own.agent, own.envoy
    process = command(own, "stop")
    output = "The gateway has stopped. To start it again, run `holdfast gateway run`.\n"
    assert (process.returncode, process.stdout) == (0, output), process.stderr
    assert not is_running(agent)
    assert not is_running(envoy)
    process = command(own, "status")
    assert (process.returncode, process.stdout) == (1, f"No gateway agent is running with {own.gateway}.\n")
    assert command(own, "stop").stderr == (
        f"holdfast: No gateway is running with {own.gateway}. Choose its directory with --data.\n"
    )
    assert own.rest.get("/apis").is_success
    assert not (own.gateway / "agent.json").exists()
    own.stop()
    own.start()
    wait_until(lambda: own.answers(api))


def test_a_gateway_follows_no_socket_that_another_user_could_have_made(tmp_path: Path):
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o777)
    there = f"--control-plane=unix:{directory}/discovery"
    for options in ([f"--data={directory}/gateway"], [f"--data={tmp_path}", there]):
        words = [str(COMMAND), "gateway", "run", *options]
        process = subprocess.run(words, capture_output=True, text=True, timeout=START_WITHIN, check=False)
        assert process.returncode == 1
        assert f"could pretend to be the publisher at {directory}/discovery" in process.stderr
