"""A change of trust is reported as enforced only once every gateway has confirmed it."""

import asyncio

from structlog.testing import capture_logs

from acting import context_of
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.resources.resource import CLUSTER, SECRET
from holdfast.server.clock import utc_now
from holdfast.services.catalog import apis, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.unused_origins import NO_API, ONLY_RETIRED
from holdfast.services.trust import endpoint_certificates
from issuing import issue
from services.control_plane import ListeningGateway, control_plane, play

URL = ORIGIN = "https://pizza.test"


def test_an_api_that_is_not_published_is_not_served(store, anna, clock, served_api, import_another):
    lifecycle.change_lifecycle(context_of(store, anna, clock()), served_api.id, "Demote to Created")

    async def story():
        async with control_plane(store) as plane:
            plane.connect("edge").answer()
            import_another()
            await plane.published()
            return plane.enforcement(ORIGIN)

    outcome = play(story())
    assert outcome == Enforcement(Progress.NOT_SERVED)
    assert str(outcome) == "Takes effect when the API is published"


def test_trust_that_no_api_can_need_is_explained(store, anna, clock, served_api, import_another):
    for action in ("Deprecate", "Retire"):
        lifecycle.change_lifecycle(context_of(store, anna, clock()), served_api.id, action)

    async def story():
        async with control_plane(store) as plane:
            plane.connect("edge").answer()
            import_another()
            await plane.published()
            return plane.enforcement(ORIGIN), plane.enforcement("https://elsewhere.test")

    reasons = [enforcement.reason for enforcement in play(story())]
    assert reasons == [ONLY_RETIRED, NO_API]


def test_without_a_gateway_nothing_is_enforced(store, import_another):
    async def story():
        async with control_plane(store) as plane:
            import_another()
            await plane.published()
            return plane.enforcement(ORIGIN)

    outcome = play(story())
    assert outcome == Enforcement(Progress.NO_GATEWAY)
    assert str(outcome) == "Waiting for gateways: none is connected"


def test_a_change_is_enforced_once_every_gateway_has_acknowledged_it(store, import_another):
    async def story():
        async with control_plane(store) as plane:
            first, second = plane.connect("one"), plane.connect("two")
            for gateway in (first, second):
                gateway.answer()
            import_another()
            await plane.published()
            assert plane.enforcement(ORIGIN) == Enforcement(Progress.WAITING, 2, 0)
            first.answer(only=CLUSTER)
            assert plane.enforcement(ORIGIN) == Enforcement(Progress.WAITING, 2, 0)
            first.answer(only=SECRET)
            waiting = plane.enforcement(ORIGIN)
            second.answer()
            enforcement = await plane.until(ORIGIN, Progress.ENFORCED)
            return waiting, enforcement

    waiting, enforcement = play(story())
    assert waiting == Enforcement(Progress.WAITING, 2, 1)
    assert str(waiting) == "Waiting for two (1 of 2)"
    assert (enforcement.gateways, enforcement.enforced_on) == (2, 2)
    assert enforcement.milliseconds > 0
    assert str(enforcement) == f"Enforced on 2 gateways ({enforcement.milliseconds} ms)"


def test_trust_from_before_this_start_is_enforced_without_a_time(store, import_another):
    import_another()

    async def story():
        async with control_plane(store) as plane:
            plane.connect("edge").answer()
            return plane.enforcement(ORIGIN)

    outcome = play(story())
    assert outcome == Enforcement(Progress.ENFORCED, 1, 1)
    assert str(outcome) == "Enforced on 1 gateway"


def test_a_rejection_is_reported_in_the_gateways_words_until_the_next_change(store, import_another):
    async def story():
        async with control_plane(store) as plane:
            good, bad = plane.connect("good"), plane.connect("bad")
            for gateway in (good, bad):
                gateway.answer()
            import_another("a")
            await plane.published()
            good.answer()
            bad.answer("Failed to load trusted CA certificates")
            rejection = plane.enforcement(ORIGIN)
            import_another("b")
            await plane.published()
            waiting = plane.enforcement(ORIGIN)
            for gateway in (good, bad):
                gateway.answer()
            return rejection, waiting, await plane.until(ORIGIN, Progress.ENFORCED)

    rejection, waiting, enforcement = play(story())
    assert rejection == Enforcement(Progress.REFUSED, 2, 1, reason="Failed to load trusted CA certificates")
    assert str(rejection) == "Rejected by bad: Failed to load trusted CA certificates"
    assert (waiting.progress, enforcement.enforced_on) == (Progress.WAITING, 2)


def test_a_change_is_enforced_even_if_following_it_failed_once(store, import_another):
    """A failure of the task that follows gateways must not leave changes pending forever."""
    failures = [RuntimeError("this failed once")]

    def fail_once(*_):
        if failures:
            raise failures.pop()

    async def story():
        async with control_plane(store, forget_failures=fail_once) as plane:
            gateway = plane.connect("edge")
            gateway.answer()
            import_another()
            await plane.published()
            with capture_logs() as logs:
                gateway.answer()
                await plane.until(ORIGIN, Progress.ENFORCED)
            return [entry["task"] for entry in logs if entry["event"] == "background task failed"]

    assert play(story()) == ["enforcement"]


def test_failures_count_as_soon_as_an_api_is_sent_to_gateways_and_are_forgotten_once_a_change_is_enforced(
    store, anna, clock, served_api, import_another
):
    """A caller may get the failure of a new API before the publisher knows that it is served."""
    forgotten = []
    import_another("a")
    lifecycle.change_lifecycle(context_of(store, anna, clock()), served_api.id, "Demote to Created")

    async def story():
        async with control_plane(store, forget_failures=lambda *api: forgotten.append(api[:2])) as plane:
            gateway = plane.connect("edge")
            gateway.answer()
            lifecycle.change_lifecycle(context_of(store, anna, clock()), served_api.id, "Publish")
            await plane.published()
            assert forgotten == [("default", served_api.id)]
            for only in (CLUSTER, None):  # in force one after the other
                gateway.answer(only=only)
            await plane.until(ORIGIN, Progress.ENFORCED)
            assert len(forgotten) == 1
            import_another("b")
            await plane.published()
            gateway.answer()
            await plane.until(ORIGIN, Progress.ENFORCED)
            assert len(forgotten) == 2

    play(story())


def test_between_commit_and_rebuild_nothing_is_reported_as_enforced(store, anna, import_another):
    """Nothing follows the database here, so the rebuild never happens."""
    groups = Groups()
    enforcements = Enforcements(groups, utc_now)
    ListeningGateway(groups.default, "edge").answer()
    import_another()
    assert enforcements.find_by_origin(context_of(store, anna), [ORIGIN])[ORIGIN].progress is Progress.WAITING


def test_a_change_is_never_reported_as_enforced_before_the_gateway_has_it(store, anna, clock, import_another):
    import_another()

    async def story():
        async with control_plane(store) as plane:
            gateway = plane.connect("edge")
            gateway.answer()
            for _ in range(5):
                await asyncio.to_thread(
                    endpoint_certificates.replace_certificate,
                    context_of(store, anna, clock()),
                    "a",
                    issue("pizza.test").pem,
                )
                assert plane.enforcement(ORIGIN).progress is Progress.WAITING
                await plane.published()
                assert plane.enforcement(ORIGIN).progress is Progress.WAITING
                gateway.answer()
                await plane.until(ORIGIN, Progress.ENFORCED)

    play(story())


def test_a_deletion_is_enforced_too(store, anna, clock, import_another):
    import_another()

    async def story():
        async with control_plane(store) as plane:
            gateway = plane.connect("edge")
            gateway.answer()
            endpoint_certificates.delete_certificate(context_of(store, anna, clock()), "a")
            await plane.published()
            assert plane.enforcement(ORIGIN).progress is Progress.WAITING
            gateway.answer()
            return await plane.until(ORIGIN, Progress.ENFORCED)

    assert play(story()).milliseconds > 0


def test_organizations_see_only_their_own_trust(store, otto, clock, import_another):
    theirs = apis.create_api(context_of(store, otto, clock()), ApiDraft("Pizza", "/pizza", "1", URL))
    lifecycle.change_lifecycle(context_of(store, otto, clock()), theirs.id, "Publish")

    async def story():
        async with control_plane(store) as plane:
            plane.connect("edge").answer()
            import_another()
            await plane.published()
            mine, theirs = plane.enforcement(ORIGIN), plane.enforcement(ORIGIN, "other")
            return mine.progress, theirs.progress, plane.enforcement(ORIGIN, "nobody").progress

    assert play(story()) == (Progress.WAITING, Progress.ENFORCED, Progress.NOT_SERVED)
