"""Tests predict for each kind of backend what the gateway does; the results are in docs/reference/verdicts.md."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from circumstances import OTHERWISE
from kinds import ACCEPTED, REJECTED, Kind
from presented import SEVERAL
from running import Holdfast, PublishedApi, refusal, wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.long]
EVERY = ACCEPTED | REJECTED | OTHERWISE | SEVERAL
WAITING = ("listens, but sends nothing", "CRL that has expired")  # measuring these is waiting for some seconds
NOT_TRUSTED = "503 backend_not_trusted"
PAGE = Path(__file__).parents[2] / "docs/reference/verdicts.md"
HEAD = """\
# Verdicts by kind of backend

Each row was measured with a real backend. *Probe* is the verdict of `POST /endpoints/probe` on a file before it is
saved. *Gateway* is the result of a request after the import. When both reject the backend, they give the same *codes*,
in the [order of causes](causes.md#order-of-causes). *Findings* are those of the imported file, not of what the backend
presents. A chain is the backend's own certificate and the CA certificates above it.

[Causes and error codes](causes.md) explains the codes, [Findings](findings.md) the findings. `make tables` writes this
page, and the tests compare it with what they measure.

| kind | what is trusted | probe | gateway | codes | findings |
|---|---|---|---|---|---|
"""
DIFFERENT = "docs/reference/verdicts.md has another result for this kind. If the new one is right, run make tables"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a backend is accepted, and the codes of all causes if it is not."""

    accepted: bool
    codes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "accepted" if self.accepted else "rejected"


@dataclass(frozen=True, slots=True)
class Measurement:
    """The trust of a kind, the findings of its file, and the verdicts before import, after import and of a call."""

    description: str
    findings: list[str]
    before: Verdict
    after: Verdict
    through: Verdict
    without: set[str]  # responses before the import and after the deletion
    was_reached: bool  # whether any request arrived at the backend


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    """One for this module: no port has been another test's."""
    with Holdfast(tmp_path_factory.mktemp("verdicts")) as running:
        yield running


@pytest.fixture(scope="module")
def table_rows() -> Iterator[dict[str, str]]:
    """The rows by kind; written down in the end if that was asked for and nothing is missing."""
    rows: dict[str, str] = {}
    yield rows
    directory = os.environ.get("HOLDFAST_TABLES")
    if directory and rows.keys() == EVERY.keys():
        (Path(directory) / PAGE.name).write_text(page(rows))


def page(rows: dict[str, str]) -> str:
    return HEAD + "".join(f"{rows[name]}\n" for name in EVERY)


def read_page() -> dict[str, str]:
    lines = PAGE.read_text().splitlines()
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}


def ask(holdfast: Holdfast, url: str, file: bytes = b"", password: str = "") -> Verdict:
    """Ask whether the gateway would accept what is trusted, and *file*."""
    form = {"endpoint": (None, url), "password": (None, password)}
    upload = {"certificate": ("backend.crt", file)} if file else {}
    answer = holdfast.rest.post("/endpoints/probe", files=form | upload)
    assert answer.status_code == 200, answer.text
    verdict: dict[str, Any] = answer.json()["verdict"]
    assert verdict["answeredBy"] == "gateway"
    return Verdict(verdict["accepted"], codes_of(verdict))


def codes_of(verdict: dict[str, Any]) -> tuple[str, ...]:
    codes = tuple(str(cause["code"]) for cause in verdict["causes"])
    assert codes[:1] == ((verdict["code"],) if verdict["code"] else ())
    return codes


def call(holdfast: Holdfast, api: PublishedApi, expected: tuple[str, ...]) -> Verdict:
    """Call through the gateway, and ask why it failed until that has the *expected* codes, or for some seconds."""
    answer = holdfast.call(api.path)
    if answer.is_success:
        return Verdict(accepted=True)
    refusal(answer)

    def codes() -> tuple[str, ...]:
        entries = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
        return next((codes_of(entry) for entry in entries if entry["requestId"] == answer.json()["request_id"]), ())

    try:
        wait_until(lambda: codes() == expected)
    except AssertionError:
        return Verdict(False, codes())
    return Verdict(False, expected)


def findings(holdfast: Holdfast, url: str, kind: Kind) -> list[str]:
    if not kind.file:
        return []
    fields = {"endpoint": url, "password": kind.password}
    answer = holdfast.rest.post(
        "/endpoint-certificates/inspect", data=fields, files={"certificate": ("backend.crt", kind.file)}
    )
    assert answer.status_code == 200, answer.text
    return sorted({str(finding["code"]) for finding in answer.json()["findings"]})


def verdicts(holdfast: Holdfast, url: str, kind: Kind, api: PublishedApi) -> tuple[Verdict, Verdict, Verdict, set[str]]:
    """The verdicts before the file is saved, after it, and of a request; responses when nothing is imported."""
    before = ask(holdfast, url, kind.file, kind.password)
    if not kind.file:
        return before, before, call(holdfast, api, before.codes), set()
    without = {response(holdfast, api)}
    alias = holdfast.import_certificate(url, kind.file, password=kind.password)
    after, through = ask(holdfast, url), call(holdfast, api, before.codes)
    holdfast.delete_certificate(alias)
    wait_until(lambda: response(holdfast, api) != "200")
    return before, after, through, without | {response(holdfast, api)}


def response(holdfast: Holdfast, api: PublishedApi) -> str:
    answer = holdfast.call(api.path)
    return "200" if answer.is_success else refusal(answer)


def measure(holdfast: Holdfast, make: Callable[[], Kind]) -> Measurement:
    """Run a backend of a kind, publish an API of it, and see what becomes of it."""
    kind = make()
    with kind.serve() as (url, backend):
        api = holdfast.publish_api(url)
        if kind.settings:
            holdfast.decide(url, **kind.settings)
        codes = findings(holdfast, url, kind)
        wait_until(lambda: not kind.begins or datetime.now(UTC) > kind.begins, within=120)
        before, after, through, without = verdicts(holdfast, url, kind, api)
        if kind.settings:
            holdfast.decide(url)
        holdfast.delete_api(api)
        was_reached = backend is not None and backend.requests > 0
    return Measurement(kind.description, codes, before, after, through, without, was_reached)


@pytest.fixture(scope="module")
def measurements(holdfast: Holdfast, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Measurement]]]:
    """Those of WAITING that are asked for, which are measured while the others are."""
    names = {
        item.callspec.params.get("name")
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    }
    with ThreadPoolExecutor() as pool:
        yield {name: pool.submit(measure, holdfast, EVERY[name]) for name in WAITING if name in names}


@pytest.mark.parametrize("name", sorted(EVERY, key=lambda name: name in WAITING))
def test_the_gateway_does_what_it_said_it_would(
    holdfast: Holdfast, measurements: dict[str, Future[Measurement]], table_rows: dict[str, str], name: str
):
    kind = measurements[name].result() if name in measurements else measure(holdfast, EVERY[name])
    before, after, through = kind.before, kind.after, kind.through
    codes = ", ".join(f"`{code}`" for code in through.codes)
    cells = [name, kind.description, str(before), str(through), codes, ", ".join(f"`{code}`" for code in kind.findings)]
    table_rows[name] = f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")
    assert before == after == through
    assert through.accepted or name not in ACCEPTED
    assert not through.accepted or name not in REJECTED
    assert kind.was_reached == through.accepted
    assert kind.without == {NOT_TRUSTED} or name not in ACCEPTED | REJECTED
    if "HOLDFAST_TABLES" not in os.environ:
        assert read_page().get(name) == table_rows[name], DIFFERENT


@pytest.mark.skipif("HOLDFAST_TABLES" in os.environ, reason="the table is being written")
def test_the_table_has_every_kind_and_nothing_else():
    rows = read_page()
    assert len(EVERY) >= 40
    assert PAGE.read_text() == page(dict.fromkeys(EVERY, "") | rows), DIFFERENT
