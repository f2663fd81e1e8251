"""Backends in rotation are checked in turn, and none affects another."""

import asyncio
import ssl
from functools import partial
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from acting import context_of
from backends import Backend
from holdfast.apis.trust.endpoint_certificate import Generation
from holdfast.certificates.certificate import read_certificate
from holdfast.services.background import Background
from holdfast.services.catalog import apis
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.probing import rotation_probes
from holdfast.services.probing.rotation_probes import AT_MOST, PATIENCE, RotationProbes
from holdfast.services.trust import endpoint_certificates, rotation
from issuing import issue
from services.control_plane import advance, play
from store.values import read


class Backends:
    """Returns chains by host, and records the requested hosts."""

    def __init__(self):
        self.shown = {}
        self.asked = []
        self.was_asked = asyncio.Event()

    async def look(self, organization, endpoint):
        host = urlsplit(endpoint).hostname
        self.asked.append((organization, host))
        self.was_asked.set()
        await asyncio.sleep(0)
        answer = self.shown.get(host)
        if isinstance(answer, Exception):
            raise answer
        return [read(answer)] if answer else None


@pytest.fixture
def rotate(store, clock):
    """Begin to rotate the certificate of an endpoint; return the old and the new one."""

    def begin(who, alias, url=""):
        url = url or f"https://{alias}"
        old, new = issue(alias), issue(alias)
        apis.create_api(context_of(store, who, clock()), ApiDraft(alias.replace(".", ""), f"/{alias}", "1", url))
        endpoint_certificates.import_certificate(context_of(store, who, clock()), alias, url, old.pem)
        endpoint_certificates.replace_certificate(context_of(store, who, clock()), alias, new.pem, keep=True)
        return old, new

    return begin


@pytest.fixture
def observed_generation(store):
    """Return the generation that was observed for an alias."""
    return lambda who, alias: (
        endpoint_certificates.get_certificate(context_of(store, who), alias).observation.generation
    )


def test_every_backend_in_rotation_is_checked_and_its_generation_stored(
    store, anna, otto, clock, rotate, observed_generation
):
    one, two, theirs = rotate(anna, "one.test"), rotate(anna, "two.test"), rotate(otto, "two.test")
    rotate(anna, "done.test")
    rotation.retire_previous(context_of(store, anna, clock()), "done.test")

    async def story():
        backends = Backends()
        backends.shown = {"one.test": one[0], "two.test": two[1]}
        await RotationProbes(store, backends.look, clock).probe_once()
        return backends.asked

    requests = play(story())
    assert sorted(requests) == [("default", "one.test"), ("default", "two.test"), ("other", "two.test")]
    assert (observed_generation(anna, "one.test"), observed_generation(anna, "two.test")) == (
        Generation.PREVIOUS,
        Generation.CURRENT,
    )
    assert observed_generation(otto, "two.test") is Generation.NEITHER  # the certificates of this organization differ
    assert theirs != two


def test_a_backend_that_presents_nothing_has_had_its_turn_and_stays_unknown(
    store, anna, clock, rotate, observed_generation
):
    rotate(anna, "a.test")

    async def story():
        await RotationProbes(store, Backends().look, clock).probe_once()

    play(story())
    entry = endpoint_certificates.get_certificate(context_of(store, anna), "a.test")
    assert (entry.observation.looked_at, entry.observation.at, observed_generation(anna, "a.test")) == (
        clock(),
        None,
        None,
    )


def test_more_backends_than_fit_one_round_are_checked_in_turn(store, anna, clock, rotate, monkeypatch):
    monkeypatch.setattr(rotation_probes, "AT_MOST", 2)
    for name in "abc":
        rotate(anna, f"{name}.test")

    async def story():
        backends = Backends()
        looking = RotationProbes(store, backends.look, clock)
        for _ in range(3):
            await looking.probe_once()
            clock.advance(minutes=1)
        return [host for _, host in backends.asked]

    hosts = play(story())
    assert len(hosts) == 6
    assert len(set(hosts[:4])) == len(set(hosts[2:])) == 3  # two rounds reach all of them
    assert AT_MOST == 50


def test_a_failed_check_does_not_affect_others(store, anna, clock, rotate, observed_generation):
    rotate(anna, "bad.test")
    good = rotate(anna, "good.test")

    async def story():
        backends = Backends()
        backends.shown = {"bad.test": OSError("no route"), "good.test": good[1]}
        with capture_logs() as logs:
            await RotationProbes(store, backends.look, clock).probe_once()
        return logs

    assert [entry["event"] for entry in play(story())] == ["checking a backend failed"]
    assert observed_generation(anna, "good.test") is Generation.CURRENT
    assert endpoint_certificates.get_certificate(context_of(store, anna), "bad.test").observation.looked_at == clock()


def test_a_backend_that_never_answers_times_out(store, anna, clock, rotate, observed_generation):
    rotate(anna, "a.test")

    async def story():
        began = asyncio.Event()

        async def look(organization, endpoint):
            del organization, endpoint
            began.set()
            await asyncio.Event().wait()

        with capture_logs():
            running = asyncio.create_task(RotationProbes(store, look, clock).probe_once())
            await began.wait()
            advance(PATIENCE)
            await running

    play(story())
    assert observed_generation(anna, "a.test") is None


def test_an_entry_that_was_changed_during_its_check_is_not_updated(store, anna, clock, rotate, observed_generation):
    _, new = rotate(anna, "a.test")

    async def look(organization, endpoint):
        del organization, endpoint
        rotation.undo_replacement(context_of(store, anna, clock.advance(seconds=1)), "a.test")
        return [read(new)]

    async def story():
        await RotationProbes(store, look, clock).probe_once()

    play(story())
    assert observed_generation(anna, "a.test") is None


@pytest.mark.parametrize("others_write", [False, True])
def test_checks_repeat_until_they_are_stopped(store, anna, clock, rotate, monkeypatch, others_write):
    rotate(anna, "a.test")
    find_due = rotation_probes._find_due  # noqa: SLF001 - it begins a round, including one after a change

    def write_and_find_due(store, **which):
        with store.write():
            pass
        return find_due(store, **which)

    async def story():
        backends = Backends()
        looking = RotationProbes(store, backends.look, clock, interval=0.001)
        async with Background() as background, asyncio.timeout(30):
            background.start("observation", partial(looking.follow, store))
            while len(backends.asked) < 3:
                await backends.was_asked.wait()
                backends.was_asked.clear()
        return len(backends.asked)

    monkeypatch.setattr(rotation_probes, "APPLY_TIME", 0.0)
    if others_write:
        monkeypatch.setattr(rotation_probes, "_find_due", write_and_find_due)
    assert play(story()) >= 3


def test_a_failed_round_is_followed_by_another(store, anna, clock, rotate, monkeypatch):
    rotate(anna, "a.test")

    async def story():
        backends = Backends()
        looking = RotationProbes(store, backends.look, clock, interval=0.001)
        failures = [OSError("disk")]
        due = rotation_probes._find_due  # noqa: SLF001 - tests can't make the database fail for a moment
        monkeypatch.setattr(
            rotation_probes,
            "_find_due",
            lambda store, **which: due(store, **which) if not failures else _fail(failures),
        )
        async with Background() as background:
            background.start("observation", partial(looking.follow, store))
            with capture_logs() as logs:
                await asyncio.wait_for(backends.was_asked.wait(), 30)
        return logs

    assert "background task failed" in [entry["event"] for entry in play(story())]


def _fail(failures):
    raise failures.pop()


def test_a_real_backend_is_observed_to_switch(store, anna, clock, rotate, observed_generation):
    """Fetch the backend's certificate with Python's TLS."""

    async def look(organization, endpoint):
        del organization
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        where = urlsplit(endpoint)
        _, writer = await asyncio.open_connection(where.hostname, where.port, ssl=context)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return [read_certificate(der)]

    with Backend(issue("127.0.0.1")) as backend:
        old, new = rotate(anna, "127.0.0.1", backend.url())

        async def story():
            generations = []
            for leaf in (old, new):
                backend.present(leaf)
                await RotationProbes(store, look, clock).probe_once()
                generations.append(observed_generation(anna, "127.0.0.1"))
            return generations

        assert play(story()) == [Generation.PREVIOUS, Generation.CURRENT]
