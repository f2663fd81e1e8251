"""The demo: its backend, the printout of `up --demo`, and the story of `demo --once`."""

import asyncio
import io
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from rich.console import Console

from acting import context_of
from holdfast.demo.backend import RENEWED_BEFORE, VALID_FOR, Backend, ensure_certificate
from holdfast.demo.story import Story
from holdfast.demo.tour import CONTEXT, NAME, VERSION, Tour
from holdfast.services.catalog import apis, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from ports import free_addresses
from running import COMMAND, REST, START_WITHIN, wait_until

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REFUSED = httpx2.Response(503, json={"code": "backend_not_trusted", "message": "-", "request_id": "1"})
SERVED = httpx2.Response(200, json={"menu": []})
STEPS = ["refused", "import", "served", "delete", "refused"]


# The backend's certificate


def test_the_certificate_is_for_localhost_and_lasts_a_year(tmp_path):
    certificate, key = ensure_certificate(tmp_path / "demo", NOW)
    certificate_ = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = certificate_.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert (certificate_.not_valid_before_utc, certificate_.not_valid_after_utc) == (NOW, NOW + VALID_FOR)
    certificate_.verify_directly_issued_by(certificate_)
    assert load_pem_private_key(key.read_bytes(), None).public_key() == certificate_.public_key()
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_certificate_is_kept_until_it_is_about_to_expire(tmp_path):
    certificate, key = ensure_certificate(tmp_path, NOW)
    before = certificate.read_bytes(), key.read_bytes()
    ensure_certificate(tmp_path, NOW + VALID_FOR - RENEWED_BEFORE - timedelta(seconds=1))
    assert (certificate.read_bytes(), key.read_bytes()) == before
    ensure_certificate(tmp_path, NOW + VALID_FOR - RENEWED_BEFORE)
    assert certificate.read_bytes() != before[0]


@pytest.mark.parametrize("name", ["backend.pem", "backend.key"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_missing_or_damaged_file_is_replaced(tmp_path, name, content):
    ensure_certificate(tmp_path, NOW)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    _assert_fit(*ensure_certificate(tmp_path, NOW))


def test_a_key_of_another_certificate_is_not_used(tmp_path):
    _, key = ensure_certificate(tmp_path, NOW)
    _, other = ensure_certificate(tmp_path / "other", NOW)
    key.write_bytes(other.read_bytes())
    _assert_fit(*ensure_certificate(tmp_path, NOW))


def _assert_fit(certificate: Path, key: Path) -> None:
    certificate_ = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert load_pem_private_key(key.read_bytes(), None).public_key() == certificate_.public_key()
    assert key.stat().st_mode & 0o777 == 0o600


# The story, with gateways that misbehave


def test_the_story_fails_if_the_gateway_ignores_the_import(tmp_path):
    succeeded, lines = _play(tmp_path, lambda _: REFUSED)
    assert not succeeded
    assert lines[-1].startswith("Step 3 of 5 failed: ")
    assert "returned 503 backend_not_trusted, expected 200" in lines[-1]


def test_the_story_fails_if_the_gateway_verifies_nothing(tmp_path):
    succeeded, lines = _play(tmp_path, lambda _: SERVED)
    assert not succeeded
    assert lines[-1].startswith("Step 1 of 5 failed: ")
    assert 'returned 200 {"menu":[]}, expected 503' in lines[-1]


def test_the_story_fails_if_a_deletion_has_no_effect(tmp_path):
    succeeded, lines = _play(tmp_path, _enforce_only_imports())
    assert not succeeded
    assert [line.split()[1] for line in lines[:4]] == STEPS[:4]
    assert lines[-1].startswith("Step 5 of 5 failed")


def test_the_story_fails_if_the_publisher_rejects_the_import(tmp_path):
    succeeded, lines = _play(tmp_path, lambda is_trusted: SERVED if is_trusted else REFUSED, import_status=500)
    assert not succeeded
    assert lines[-1] == f"Step 2 of 5 failed: POST {REST}/endpoint-certificates returned 500 oh, expected 201."


def test_the_story_fails_if_the_gateway_is_unreachable(tmp_path):
    def unreachable(_: bool) -> httpx2.Response:
        raise httpx2.ConnectError("nobody there")

    succeeded, lines = _play(tmp_path, unreachable)
    assert not succeeded
    (line,) = lines
    assert line.startswith("Step 1 of 5 failed: ")
    assert "no response: nobody there, expected 503 backend_not_trusted" in line


def test_the_story_succeeds_if_the_gateway_enforces_changes(tmp_path):
    succeeded, lines = _play(tmp_path, lambda is_trusted: SERVED if is_trusted else REFUSED)
    assert succeeded
    assert [line.split()[1] for line in lines[:5]] == STEPS


def _enforce_only_imports() -> Callable[[bool], httpx2.Response]:
    states = []

    def answer(is_trusted: bool) -> httpx2.Response:
        states.append(is_trusted)
        return SERVED if any(states) else REFUSED

    return answer


def _play(
    tmp_path: Path, answer: Callable[[bool], httpx2.Response], import_status: int = 201
) -> tuple[bool, list[str]]:
    """Run the story with a gateway that returns *answer* of whether the certificate is imported."""
    is_trusted = False

    def publisher(request: httpx2.Request) -> httpx2.Response:
        nonlocal is_trusted
        if "endpoint-certificates" not in request.url.path:
            return httpx2.Response(200 if "lifecycle" in request.url.path else 201, json={"id": "1"})
        is_trusted = request.method == "POST"
        return httpx2.Response(import_status if is_trusted else 200, text="oh")

    async def play() -> bool:
        async with (
            httpx2.AsyncClient(transport=httpx2.MockTransport(publisher), base_url="http://publisher") as one,
            httpx2.AsyncClient(
                transport=httpx2.MockTransport(lambda _: answer(is_trusted)), base_url="http://gateway"
            ) as other,
        ):
            return await Story(console, one, other, Backend("https://localhost:1", certificate), within=0.05).play()

    certificate, _ = ensure_certificate(tmp_path, NOW)
    console = _console()
    return asyncio.run(play()), _text(console).splitlines()


def _console() -> Console:
    return Console(file=io.StringIO(), soft_wrap=True, markup=False, highlight=False)


def _text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# Obstacles


def test_another_api_at_the_same_context_is_left_alone(runtime, anna, tmp_path):
    mine = ApiDraft("Mine", CONTEXT, VERSION, "https://mine.example")
    apis.create_api(context_of(runtime.store, anna, runtime.now()), mine)
    assert "The demo can't run: The context /pizzashack already exists: Mine 1.0.0 uses it." in _tour(
        runtime, anna, tmp_path
    )
    (api,), _ = apis.list_apis(context_of(runtime.store, anna))
    assert api.name == "Mine"


def test_a_retired_api_is_left_alone(runtime, anna, tmp_path):
    draft = ApiDraft(NAME, CONTEXT, VERSION, "https://localhost:9443")
    api = apis.create_api(context_of(runtime.store, anna, runtime.now()), draft)
    for action in ("Publish", "Deprecate", "Retire"):
        lifecycle.change_lifecycle(context_of(runtime.store, anna, runtime.now()), api.id, action)
    assert "The demo can't run: 'Publish' isn't possible in state RETIRED" in _tour(runtime, anna, tmp_path)


def test_an_unusable_directory_is_named(runtime, anna, tmp_path):
    (tmp_path / "demo").touch()
    text = _tour(runtime, anna, tmp_path)
    assert "The demo can't run:" in text
    assert str(tmp_path / "demo") in text


def _tour(runtime, who, data: Path) -> str:
    async def begin() -> None:
        async with Tour(console, runtime, who, "http://127.0.0.1:9080", data, "its password").begin():
            pass

    console = _console()
    asyncio.run(begin())
    return _text(console)


# With a real gateway


@pytest.mark.envoy
def test_demo_once_runs_all_five_steps_and_leaves_no_files(tmp_path):
    environment = _environment() | {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    command = [COMMAND, "demo", "--once"]
    process = subprocess.run(command, env=environment, capture_output=True, check=False, text=True, timeout=250)
    assert (process.returncode, process.stderr) == (0, "")
    *steps, verdict = process.stdout.splitlines()
    assert verdict == "All 5 steps succeeded."
    assert [step.split()[:2] for step in steps] == [[str(n), name] for n, name in enumerate(STEPS, start=1)]
    assert all(re.search(r" \d+\.\d ms  ", step) for step in steps)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.envoy
def test_up_demo_shows_a_rejected_backend_and_steps_that_make_it_work(tmp_path):
    data = tmp_path / "data"
    with _up_demo(data) as (publisher, output):
        text = wait_until(lambda: re.search(r"(?ms).*^  4  .*?\n", output.read_text()), START_WITHIN)[0]
        assert _field(text, "Response").startswith('503 {"code":"backend_not_trusted"')
        certificate = Path(_field(text, "Certificate"))
        assert certificate == data / "demo" / "backend.pem"
        url = _field(text, "Request").removeprefix("curl ")
        endpoint = _field(text, "Backend")
        success = _field(text, "4").partition(": 200 ")[2]

        password = (data / "admin-password").read_text().strip()
        assert text.count(password) == 1
        answer = httpx2.post(
            f"{publisher}{REST}/endpoint-certificates",
            auth=("admin", password),
            data={"alias": "pizza", "endpoint": endpoint},
            files={"certificate": certificate.read_bytes()},
            trust_env=False,
            timeout=30,
        )
        assert answer.status_code == 201
        assert answer.json()["findings"] == []
        wait_until(lambda: httpx2.get(url, trust_env=False, timeout=30).status_code == 200)
        assert httpx2.get(url, trust_env=False, timeout=30).text == success
        anything = httpx2.post(url.replace("/menu", "/orders/1?x=y"), trust_env=False, timeout=30)
        assert anything.json() == {"backend": "Pizza Shack", "method": "POST", "path": "/orders/1"}

    with _up_demo(data) as (_, output):
        text = wait_until(lambda: re.search(r"(?ms).*^  Reason .*?\n", output.read_text()), START_WITHIN)[0]
        assert _field(text, "Response") == f"200 {success}"
        assert _field(text, "Backend") == endpoint
        assert httpx2.get(_field(text, "Request").removeprefix("curl "), trust_env=False, timeout=30).text == success


@contextmanager
def _up_demo(data: Path) -> Iterator[tuple[str, Path]]:
    """Run `holdfast up --demo`, return the publisher's URL and the file with its output, and check its exit code."""
    publisher, gateway, sandbox = free_addresses(3)
    command = [COMMAND, "up", "--demo", f"--data={data}", f"--publisher={publisher}"]
    command += [f"--gateway={gateway}", f"--sandbox={sandbox}"]
    file = data.parent / "output"
    with file.open("w") as output:
        process = subprocess.Popen(command, env=_environment(), stdout=output, stderr=output)
    try:
        yield f"http://{publisher}", file
    except BaseException:
        process.kill()
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(START_WITHIN)
    assert code == 0, file.read_text()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}


def _field(text: str, name: str) -> str:
    match = re.search(rf"^  {name} +(.*)$", text, re.MULTILINE)
    assert match, text
    return match[1]
