"""Tests of a backend by a gateway: its resources during and after a test, and gateways that don't answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from acting import context_of
from backends import V4, Backend, closed_port
from following import GATEWAY, following
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup, GroupKind, Member
from holdfast.apis.catalog.endpoint_security import EndpointSecurity, SecurityDraft, SecurityKind
from holdfast.apis.catalog.token_settings import TokenSettings
from holdfast.apis.enforcement import Progress
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.errors import CertificateError
from holdfast.certificates.identity import parse_reference
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.peer import Peer
from holdfast.gateway.resources.resource import CLUSTER, SECRET
from holdfast.network.addresses import read_network
from holdfast.network.presentation import FailedHandshake, Obstacle, Presentation
from holdfast.server.clock import utc_now
from holdfast.services.access.principal import Principal
from holdfast.services.catalog.apis import ApiDraft, create_api
from holdfast.services.catalog.lifecycle import change_lifecycle
from holdfast.services.credentials.sealing import seal_drafts
from holdfast.services.errors import Conflict, NotFound, TooManyTests
from holdfast.services.probing.probes import (
    AT_ONCE,
    AT_ONCE_OF_USER,
    PLACES_OF_USER,
    WITHIN,
    Probes,
)
from holdfast.services.probing.terms import Change, Terms, find_terms_to_test
from holdfast.store.tables import TrustedCertificateRow
from issuing import issue
from services.control_plane import SEALING, ControlPlane, advance, control_plane, play
from store.values import read
from trusting import trust_set

ANNA, BERTA = Principal("default", "anna"), Principal("default", "berta")
NOW = datetime.now(UTC)
HOST, PIZZA = "backend.test", "https://pizza.test"
PRESENTED = issue(HOST)
NOTHING = trust_set((), parse_reference(HOST))
TERMS = Terms(NOTHING)


@asynccontextmanager
async def probing(store, directory, resolver=lambda _: [V4]) -> AsyncIterator[tuple[ControlPlane, Probes]]:
    """Run a control plane and an agent, to which no Envoy has connected yet."""
    async with control_plane(store) as plane, following(plane.cache, directory) as control:
        yield plane, Probes(control, GATEWAY, now=utc_now, resolver=resolver)


def list_test_resources(plane) -> list[tuple[str, str]]:
    return [
        (kind, name)
        for kind in (CLUSTER, SECRET)
        for name in plane.cache.get_resources(kind)
        if name.startswith("probe")
    ]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.001)


def url(backend: Backend) -> str:
    return backend.url(host=HOST)


def test_without_a_gateway_only_the_presented_chain_is_known():
    async def story():
        nowhere = Probes(Control(lambda _: Peer(GATEWAY), utc_now), GATEWAY, now=utc_now, resolver=lambda _: [V4])
        return await nowhere.probe(ANNA, url(backend), TERMS)

    with Backend(PRESENTED) as backend:
        result = play(story())
    assert isinstance(result.presentation, Presentation)
    assert (result.verdict.accepted, result.verdict.cause, result.verdict.by) == (False, None, "none")
    assert result.verdict.reason == f"The gateway {GATEWAY} isn't connected."
    assert "don't know" in result.verdict.explanation.sentence


def test_a_silent_gateway_is_waited_for_within_the_time_limit(store, tmp_path):
    async def story():
        async with probing(store, tmp_path) as (plane, tester):
            plane.connect("envoy").answer()
            asking = asyncio.create_task(tester.probe(ANNA, url(backend), TERMS))
            await until(lambda: list_test_resources(plane))
            advance(WITHIN)
            outcome = await asking
            await until(lambda: not list_test_resources(plane))
            return outcome

    with Backend(PRESENTED) as backend:
        result = play(story())
    assert (result.verdict.by, result.verdict.reason) == ("none", "The gateway didn't answer in time.")


def test_a_gateway_is_asked_only_once_it_uses_the_resources(store, tmp_path):
    async def story():
        async with probing(store, tmp_path) as (plane, tester):
            gateway = plane.connect("envoy")
            gateway.gateway.started = False
            asking = asyncio.create_task(tester.probe(ANNA, url(backend), TERMS))
            await until(lambda: list_test_resources(plane))
            gateway.answer()
            await until(lambda: not gateway.waiting)
            assert not asking.done()
            gateway.gateway.started = True
            plane.cache.tell_observers()
            return (await asking).verdict

    with Backend(PRESENTED) as backend:
        verdict = play(story())
    assert verdict.reason.startswith("The gateway can't be reached")


def test_resources_that_a_gateway_rejects_are_its_verdict(store, tmp_path):
    async def story():
        async with probing(store, tmp_path) as (plane, tester):
            gateway = plane.connect("envoy")
            gateway.answer()
            asking = asyncio.create_task(tester.probe(ANNA, url(backend), TERMS))
            await until(lambda: list_test_resources(plane))
            gateway.answer("no such curve", only=CLUSTER)
            verdict = (await asking).verdict
            await until(lambda: not list_test_resources(plane))
            return verdict

    with Backend(PRESENTED) as backend:
        verdict = play(story())
    assert (verdict.accepted, verdict.by, verdict.cause, verdict.reason) == (
        False,
        "gateway",
        Cause.OTHER,
        "no such curve",
    )


def test_a_cancelled_test_leaves_no_resources(store, tmp_path):
    async def story():
        async with probing(store, tmp_path) as (plane, tester):
            plane.connect("envoy").answer()
            asking = [asyncio.create_task(tester.probe(who, url(backend), TERMS)) for who in (ANNA, BERTA) * 2]
            await until(lambda: len(list_test_resources(plane)) == 2 * AT_ONCE)
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            await until(lambda: not list_test_resources(plane))
            return await tester.fetch(ANNA, url(backend), TERMS)

    with Backend(PRESENTED) as backend:
        presentation, _ = play(story())
    assert isinstance(presentation, Presentation)  # it got its turn


def test_a_test_does_not_change_the_enforcement_of_traffic(store, tmp_path, served_api, import_another):
    del served_api

    async def story():
        async with probing(store, tmp_path) as (plane, tester):
            gateway = plane.connect("envoy")
            gateway.answer()
            import_another()
            await plane.published()
            gateway.answer()
            before = await plane.until(PIZZA, Progress.ENFORCED)
            asking = asyncio.create_task(tester.probe(ANNA, url(backend), TERMS))
            await until(lambda: list_test_resources(plane))
            gateway.receive()
            during = plane.enforcement(PIZZA)
            asking.cancel()
            gateway.answer()
            return before, during, plane.enforcement(PIZZA)

    with Backend(PRESENTED) as backend:
        before, during, after = play(story())
    assert before.progress is during.progress is after.progress is Progress.ENFORCED


def test_tests_at_once_are_limited_overall_and_per_user(store, tmp_path):
    async def story():
        async with probing(store, tmp_path) as (plane, tester):
            plane.connect("envoy").answer()

            def begin(who, count):
                return [asyncio.create_task(tester.probe(who, url(backend), TERMS)) for _ in range(count)]

            asking = begin(ANNA, PLACES_OF_USER)
            await until(lambda: len(list_test_resources(plane)) == 2 * AT_ONCE_OF_USER)
            for question in (tester.probe(ANNA, url(backend), TERMS), tester.fetch(ANNA, url(backend), TERMS)):
                with pytest.raises(TooManyTests):
                    await question
            of_one = len(list_test_resources(plane))
            of_other, _ = await tester.fetch(BERTA, url(backend), TERMS)
            for name in ("berta", "carla", "doris"):
                asking += begin(Principal("default", name), PLACES_OF_USER)
            await until(lambda: len(list_test_resources(plane)) == 2 * AT_ONCE)
            with pytest.raises(TooManyTests):
                await tester.fetch(Principal("default", "emma"), url(backend), TERMS)
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            return of_one, of_other, (await tester.fetch(ANNA, url(backend), TERMS))[0]

    with Backend(PRESENTED) as backend:
        of_one, of_other, afterwards = play(story())
    assert of_one == 2 * AT_ONCE_OF_USER
    assert isinstance(of_other, Presentation)
    assert isinstance(afterwards, Presentation)


def test_a_name_without_an_address_is_reported_without_asking_a_gateway(store, tmp_path):
    async def story():
        async with probing(store, tmp_path, lambda _: []) as (_, nowhere):
            return await nowhere.probe(ANNA, f"https://{HOST}", TERMS), await nowhere.fetch(
                ANNA, f"https://{HOST}", TERMS
            )

    result, (unseen, _) = play(story())
    assert result.presentation == unseen == FailedHandshake(Obstacle.DNS, f"{HOST} has no address.")
    assert (result.verdict.by, result.verdict.cause) == ("none", Cause.DNS_FAILURE)


def test_a_refused_address_is_not_in_the_message(store, tmp_path):
    async def story():
        async with probing(store, tmp_path, lambda _: ["169.254.169.254"]) as (_, inside):
            for asking in (
                inside.probe(ANNA, f"https://{HOST}", TERMS),
                inside.fetch(ANNA, f"https://{HOST}", TERMS),
            ):
                with pytest.raises(InvalidField) as refusal:
                    await asking
                assert refusal.value.field == "endpoint"
                assert HOST in str(refusal.value)
                assert "169" not in str(refusal.value)

    play(story())


def test_only_the_backends_own_certificate_is_checked_for_names(store, tmp_path):
    root = issue(ca=True, common_name="root")

    async def story():
        async with probing(store, tmp_path) as (_, tester):
            return await tester.probe(ANNA, url(backend), TERMS)

    with Backend(issue("other.test", by=root).followed_by(root)) as backend:
        result = play(story())
    about_names = {"name-mismatch", "ca-without-name", "no-subject-alt-name"}
    assert [finding.code for finding in result.findings if finding.code in about_names] == ["name-mismatch"]


def test_a_failed_fetch_has_no_findings(store, tmp_path):
    async def story():
        async with probing(store, tmp_path) as (_, tester):
            return await tester.probe(ANNA, closed_url, TERMS)

    with closed_port() as closed_url:
        result = play(story())
    assert isinstance(result.presentation, FailedHandshake)
    assert (result.presentation.obstacle, result.findings) == (Obstacle.REFUSED, ())


# The gateway that is asked


@asynccontextmanager
async def far_away(directory, **options) -> AsyncIterator[Probes]:
    """Probes of a publisher without a local gateway; the agent of another one is connected, but not its Envoy."""
    async with following(Cache(), directory) as control:
        yield Probes(control, "local", now=utc_now, resolver=lambda _: [], **options)


def test_backends_are_seen_from_the_machine_of_a_gateway_elsewhere(tmp_path):
    async def story():
        async with far_away(tmp_path) as tester:
            here = f"https://localhost:{backend.port}"
            presentation, place = await tester.fetch(ANNA, here, TERMS, GATEWAY)
            assert isinstance(presentation, Presentation)
            assert (presentation.chain[0].fingerprint, place) == (read(PRESENTED).fingerprint, GATEWAY)
            assert (presentation.address, presentation.tls_version) == (f"{V4}:{backend.port}", "TLSv1.3")
            nobody, _ = await tester.fetch(ANNA, "https://nobody.invalid", TERMS, GATEWAY)
            assert isinstance(nobody, FailedHandshake)
            assert nobody.obstacle is Obstacle.DNS
            unseen, _ = await tester.fetch(ANNA, closed_url, TERMS, GATEWAY)
            assert isinstance(unseen, FailedHandshake)
            assert unseen.obstacle is Obstacle.REFUSED
            result = await tester.probe(ANNA, here, TERMS, GATEWAY)
            assert (result.gateway, result.verdict.reason) == (GATEWAY, "Envoy isn't running.")
            assert isinstance(result.presentation, Presentation)

    with Backend(PRESENTED) as backend, closed_port() as closed_url:
        play(story())


def test_the_publisher_decides_which_addresses_gateways_elsewhere_may_test(tmp_path):
    async def story():
        async with far_away(tmp_path, networks=[read_network("192.0.2.0/24")]) as tester:
            with pytest.raises(InvalidField, match="aren't allowed"):
                await tester.fetch(ANNA, "https://localhost", TERMS, GATEWAY)
        async with far_away(tmp_path) as tester:
            unseen, _ = await tester.fetch(ANNA, "https://169.254.169.254", TERMS, GATEWAY)
            assert isinstance(unseen, FailedHandshake)
            assert "may connect" in unseen.text

    play(story())


def test_a_gateway_that_cannot_be_asked_is_refused(tmp_path):
    terms = replace(TERMS, clusters=frozenset({"default/pizza/production"}))
    secret = replace(terms, identity=UnsealedIdentity("id", (), "key"))
    serves = []

    async def story():
        async with far_away(tmp_path, serves=lambda *question: question in serves) as tester:
            with pytest.raises(InvalidField, match="isn't connected") as refusal:
                await tester.probe(ANNA, PIZZA, TERMS, "eu-2")
            assert refusal.value.field == "gateway"
            with pytest.raises(InvalidField, match="isn't sent the key"):
                await tester.check(ANNA, PIZZA, secret, gateway=GATEWAY)
            for question in (TERMS, terms, secret):
                result = await tester.probe(ANNA, PIZZA, question)
                assert (result.gateway, result.verdict.by) == ("local", "none")
            serves.append((GATEWAY, terms.clusters))
            for question in (terms, secret):
                assert (await tester.probe(ANNA, PIZZA, question)).gateway == GATEWAY

    play(story())


@pytest.mark.usefixtures("served_api")
def test_the_terms_name_the_clusters_of_apis_with_the_endpoint(store, anna, otto, publish):
    publish(anna, "Pasta", "https://pasta.test")
    for endpoint, count in ((PIZZA, 1), ("https://pasta.test", 1), ("https://nobody.test", 0)):
        assert len(find_terms_to_test(context_of(store, anna, NOW), SEALING, endpoint).clusters) == count
    assert not find_terms_to_test(context_of(store, otto, NOW), SEALING, PIZZA).clusters


@pytest.mark.parametrize("endpoint", ["https://first.test", "https://second.test", "https://login.test"])
def test_the_terms_name_the_clusters_of_all_members_and_of_token_endpoints(store, anna, endpoint):
    # Otherwise, backends that only gateways elsewhere can reach aren't watched, and can't be tested.
    context = context_of(store, anna, NOW)
    group = EndpointGroup(GroupKind.LOAD_BALANCE, (Member(parse_endpoint("https://second.test")),))
    token = TokenSettings("https://login.test/token", "shop")
    draft = SecurityDraft(EndpointSecurity(SecurityKind.OAUTH, token=token), "geheim")
    securities = seal_drafts(context, SEALING, {"sandbox": draft})
    groups = {"sandbox": group}
    draft = ApiDraft("Pizza", "/pizza", "1", None, "https://first.test", securities=securities, groups=groups)
    change_lifecycle(context, create_api(context, draft).id, "Publish")

    async def story():
        async with control_plane(store) as plane:
            clusters = {name for kind, name in (await plane.published()) if kind == CLUSTER}
            needed_clusters = find_terms_to_test(context, SEALING, endpoint).clusters
            assert needed_clusters
            assert needed_clusters <= clusters

    play(story())


# The trust that is tested


def list_fingerprints(*leaves) -> set[str]:
    return {read(leaf).fingerprint for leaf in leaves}


def list_anchors(
    store, who, data: bytes | None = None, instead_of: str | None = None, *, keep: bool = False
) -> set[str]:
    change = Change(data, None, instead_of, keep)
    return {
        anchor.fingerprint
        for anchor in find_terms_to_test(context_of(store, who, NOW), SEALING, PIZZA, change).trust.anchors
    }


@pytest.mark.usefixtures("served_api")
def test_the_upload_is_tested_in_addition_or_instead_of_an_alias(store, anna, import_pem):
    one, two, new = (issue("pizza.test") for _ in range(3))
    assert list_anchors(store, anna) == set()
    import_pem(anna, "one", PIZZA, one.pem)
    import_pem(anna, "two", PIZZA, two.pem)
    assert list_anchors(store, anna) == list_fingerprints(one, two)
    assert list_anchors(store, anna, new.pem) == list_fingerprints(one, two, new)
    assert list_anchors(store, anna, new.pem, "one") == list_fingerprints(two, new)
    assert list_anchors(store, anna, None, "one") == list_fingerprints(two)
    assert list_anchors(store, anna, new.pem, "one", keep=True) == list_fingerprints(one, two, new)
    trust = find_terms_to_test(context_of(store, anna, NOW), SEALING, PIZZA, Change(new.pem + one.pem)).trust
    assert [anchor.fingerprint for anchor in trust.anchors] == sorted(list_fingerprints(one, two, new))
    assert trust.reference == parse_reference("pizza.test")


@pytest.mark.usefixtures("served_api")
def test_unreadable_trust_is_a_conflict_and_not_replaced_by_other_trust(store, anna, import_pem):
    import_pem(anna, "one", PIZZA, issue("pizza.test").pem)
    with store.write() as session:
        session.execute(update(TrustedCertificateRow).values(der=b"\x30\x00"))
    with pytest.raises(Conflict, match="can't be read"):
        list_anchors(store, anna, issue("pizza.test").pem, "one")


@pytest.mark.usefixtures("served_api")
def test_the_trust_of_other_organizations_is_neither_used_nor_revealed(store, anna, otto, import_pem, publish):
    import_pem(anna, "one", PIZZA, issue("pizza.test").pem)
    assert list_anchors(store, otto) == set()
    with pytest.raises(NotFound):
        list_anchors(store, otto, None, "one")
    publish(anna, "Pasta", "https://pasta.test")
    import_pem(anna, "pasta", "https://pasta.test", issue("pasta.test").pem)
    with pytest.raises(InvalidField, match=r"is for https://pasta\.test"):
        list_anchors(store, anna, None, "pasta")


def test_invalid_tests_are_rejected(store, anna):
    for endpoint in ("http://pizza.test", "nonsense", ""):
        with pytest.raises(InvalidField):
            find_terms_to_test(context_of(store, anna, NOW), SEALING, endpoint)
    with pytest.raises(CertificateError):
        find_terms_to_test(context_of(store, anna, NOW), SEALING, PIZZA, Change(b"nonsense"))
