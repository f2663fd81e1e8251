"""The demonstration: its backend, what `up --demo` shows, the story that `demo --once` plays."""

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
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (NOW, NOW + VALID_FOR)
    made.verify_directly_issued_by(made)
    assert load_pem_private_key(key.read_bytes(), None).public_key() == made.public_key()
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
def test_what_is_missing_or_broken_is_made_anew(tmp_path, name, content):
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
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert load_pem_private_key(key.read_bytes(), None).public_key() == made.public_key()
    assert key.stat().st_mode & 0o777 == 0o600


# The story, at a gateway that does not behave


def test_the_story_fails_at_a_gateway_that_never_obeys(tmp_path):
    came_out_right, said = _play(tmp_path, lambda _: REFUSED)
    assert not came_out_right
    assert said[-1] == "Step 3 of 5 failed: within 0.05 s the gateway answered 503 backend_not_trusted, not 200."


def test_the_story_fails_at_a_gateway_that_verifies_nothing(tmp_path):
    came_out_right, said = _play(tmp_path, lambda _: SERVED)
    assert not came_out_right
    assert said[-1].startswith('Step 1 of 5 failed: within 0.05 s the gateway answered 200 {"menu":[]}, not 503')


def test_the_story_fails_when_a_deletion_has_no_effect(tmp_path):
    came_out_right, said = _play(tmp_path, _obeys_imports_only())
    assert not came_out_right
    assert [line.split()[1] for line in said[:4]] == STEPS[:4]
    assert said[-1].startswith("Step 5 of 5 failed")


def test_the_story_fails_when_the_publisher_refuses(tmp_path):
    came_out_right, said = _play(tmp_path, lambda trusted: SERVED if trusted else REFUSED, import_status=500)
    assert not came_out_right
    assert said[-1] == f"Step 2 of 5 failed: POST {REST}/endpoint-certificates was answered 500 oh, not 201."


def test_the_story_fails_when_nobody_answers(tmp_path):
    def unreachable(_: bool) -> httpx2.Response:
        raise httpx2.ConnectError("nobody there")

    came_out_right, said = _play(tmp_path, unreachable)
    assert not came_out_right
    assert said == [
        "Step 1 of 5 failed: within 0.05 s the gateway answered no answer: nobody there, not 503 backend_not_trusted."
    ]


def test_the_story_comes_out_right_at_a_gateway_that_obeys(tmp_path):
    came_out_right, said = _play(tmp_path, lambda trusted: SERVED if trusted else REFUSED)
    assert came_out_right
    assert [line.split()[1] for line in said[:5]] == STEPS


def _obeys_imports_only() -> Callable[[bool], httpx2.Response]:
    seen = []

    def answer(trusted: bool) -> httpx2.Response:
        seen.append(trusted)
        return SERVED if any(seen) else REFUSED

    return answer


def _play(
    tmp_path: Path, answer: Callable[[bool], httpx2.Response], import_status: int = 201
) -> tuple[bool, list[str]]:
    """Play the story at a gateway that gives *answer*, which knows whether the certificate is imported."""
    trusted = False

    def publisher(request: httpx2.Request) -> httpx2.Response:
        nonlocal trusted
        if "endpoint-certificates" not in request.url.path:
            return httpx2.Response(200 if "lifecycle" in request.url.path else 201, json={"id": "1"})
        trusted = request.method == "POST"
        return httpx2.Response(import_status if trusted else 200, text="oh")

    async def play() -> bool:
        async with (
            httpx2.AsyncClient(transport=httpx2.MockTransport(publisher), base_url="http://publisher") as one,
            httpx2.AsyncClient(
                transport=httpx2.MockTransport(lambda _: answer(trusted)), base_url="http://gateway"
            ) as other,
        ):
            return await Story(console, one, other, Backend("https://localhost:1", certificate), within=0.05).play()

    certificate, _ = ensure_certificate(tmp_path, NOW)
    console = _console()
    return asyncio.run(play()), _said(console).splitlines()


def _console() -> Console:
    return Console(file=io.StringIO(), soft_wrap=True, markup=False, highlight=False)


def _said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# What stands in its way


def test_an_api_of_somebody_else_at_its_place_is_left_alone(runtime, anna, tmp_path):
    mine = ApiDraft("Mine", CONTEXT, VERSION, "https://mine.example")
    apis.create_api(context_of(runtime.store, anna, runtime.now()), mine)
    assert "The demonstration is left out: The context /pizzashack is already used by Mine 1.0.0." in _tour(
        runtime, anna, tmp_path
    )
    (api,), _ = apis.list_apis(context_of(runtime.store, anna))
    assert api.name == "Mine"


def test_an_api_that_was_retired_is_left_alone(runtime, anna, tmp_path):
    draft = ApiDraft(NAME, CONTEXT, VERSION, "https://localhost:9443")
    api = apis.create_api(context_of(runtime.store, anna, runtime.now()), draft)
    for action in ("Publish", "Deprecate", "Retire"):
        lifecycle.change_lifecycle(context_of(runtime.store, anna, runtime.now()), api.id, action)
    assert "The demonstration is left out: 'Publish' is not possible from RETIRED" in _tour(runtime, anna, tmp_path)


def test_a_directory_that_cannot_be_used_is_named(runtime, anna, tmp_path):
    (tmp_path / "demo").touch()
    said = _tour(runtime, anna, tmp_path)
    assert "The demonstration is left out:" in said
    assert str(tmp_path / "demo") in said


def _tour(runtime, who, data: Path) -> str:
    async def begin() -> None:
        async with Tour(console, runtime, who, "http://127.0.0.1:9080", data, data / "password").begin():
            pass

    console = _console()
    asyncio.run(begin())
    return _said(console)


# The real thing


@pytest.mark.envoy
def test_demo_once_plays_all_five_steps_and_touches_nothing_of_the_users(tmp_path):
    environment = _environment() | {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    command = [COMMAND, "demo", "--once"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    *steps, verdict = done.stdout.splitlines()
    assert verdict == "All five steps came out right."
    assert [step.split()[:2] for step in steps] == [[str(n), name] for n, name in enumerate(STEPS, start=1)]
    assert all(re.search(r" \d+\.\d ms  ", step) for step in steps)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.envoy
def test_up_demo_shows_the_refusal_and_what_it_says_to_do_works(tmp_path):
    data = tmp_path / "data"
    with _up_demo(data) as (publisher, output):
        said = wait_until(lambda: re.search(r"(?s).*^  4  .*?$", output.read_text(), re.MULTILINE), START_WITHIN)[0]
        assert 'Answer       503 {"code":"backend_not_trusted"' in said
        assert "The backend signed its certificate itself" in said
        certificate = Path(_field(said, "Certificate"))
        assert certificate == data / "demo" / "backend.pem"
        url = _field(said, "4").removeprefix("curl ")
        endpoint = _field(said, "Backend").split(",")[0]

        password = (data / "admin-password").read_text().strip()
        answer = httpx2.post(
            f"{publisher}{REST}/endpoint-certificates",
            auth=("admin", password),
            data={"alias": "pizza", "endpoint": endpoint},
            files={"certificate": certificate.read_bytes()},
            trust_env=False,
        )
        assert answer.status_code == 201
        assert answer.json()["findings"] == []
        wait_until(lambda: httpx2.get(url, trust_env=False).status_code == 200)
        assert httpx2.get(url, trust_env=False).json()["menu"]
        anything = httpx2.post(url.replace("/menu", "/orders/1?x=y"), trust_env=False)
        assert anything.json() == {"backend": "Pizza Shack", "method": "POST", "path": "/orders/1"}

    with _up_demo(data) as (_, output):
        said = wait_until(lambda: re.search(r"(?s).*^  Why .*?$", output.read_text(), re.MULTILINE), START_WITHIN)[0]
        assert "Answer       200 " in said
        assert "The certificate has been imported, so the gateway trusts the backend." in said
        assert _field(said, "Backend").split(",")[0] == endpoint
        assert httpx2.get(_field(said, "Call").removeprefix("curl "), trust_env=False).status_code == 200


@contextmanager
def _up_demo(data: Path) -> Iterator[tuple[str, Path]]:
    """Run `holdfast up --demo`, give the publisher's URL and the file with its output, and see it end well."""
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


def _field(said: str, name: str) -> str:
    found = re.search(rf"^  {name} +(.*)$", said, re.MULTILINE)
    assert found, said
    return found[1]
