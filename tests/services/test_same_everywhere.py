"""Control planes that follow changes build the same resources as one that starts afterwards, whatever has changed."""

import random
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from acting import context_of
from holdfast.apis.gateways.group import Group
from holdfast.refusals import Refusal
from holdfast.services.catalog import apis, deletion, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.errors import NotFound
from holdfast.services.trust import endpoint_certificates
from holdfast.store.gateways import groups
from issuing import issue
from services.control_plane import TYPES, advance, control_plane, play

pytestmark = pytest.mark.long

URLS = ["https://pizza.test", "https://pasta.test:8443", "http://plain.test", "https://pizza.test/v2"]
PEMS = [issue("pizza.test").pem for _ in range(4)]
CHANGES, DRAIN = 40, 60


def change(context, rng):
    """Change something at random; not everything is allowed each time."""
    alias, url, pem = rng.choice("abc"), rng.choice(URLS[:2]), rng.choice(PEMS)
    all_apis, _ = apis.list_apis(context)
    api = rng.choice(all_apis).id if all_apis else ""
    name = f"Api{rng.randrange(4)}"
    deployment = {"gatewayEnvironments": rng.sample(["Default", "Europe"], rng.randint(1, 2))}
    changes = {
        lambda: apis.create_api(
            context, ApiDraft(name, f"/{name.lower()}", "1", rng.choice(URLS), rng.choice(URLS))
        ): 4,
        lambda: lifecycle.change_lifecycle(context, api, "Publish"): 5,
        lambda: lifecycle.change_lifecycle(context, api, "Demote to Created"): 1,
        lambda: apis.change_endpoints(context, api, rng.choice(URLS), rng.choice([None, *URLS])): 2,
        lambda: apis.change_api(context, api, members=deployment): 3,
        lambda: endpoint_certificates.import_certificate(context, alias, url, pem): 4,
        lambda: endpoint_certificates.replace_certificate(context, alias, pem, keep=rng.random() < 0.5): 3,
        lambda: endpoint_certificates.delete_certificate(context, alias): 1,
        lambda: deletion.delete_api(context, api): 1,
    }
    with suppress(Refusal, NotFound):
        rng.choices(list(changes), list(changes.values()))[0]()


def read_contents(plane):
    """Return what each group is sent, and the revision."""
    caches = plane.groups.caches.items()
    resources = {(group, kind): dict(cache.get_resources(kind)) for group, cache in caches for kind in TYPES}
    return resources, plane.enforcements.revision


@pytest.mark.parametrize("seed", range(4))
def test_a_control_plane_that_starts_afterwards_builds_the_same_as_those_that_followed_all_changes(store, anna, seed):
    rng = random.Random(seed)  # noqa: S311 - a test
    with store.write() as session:
        groups.insert(session, Group("Europe", datetime.now(UTC), datetime.now(UTC)))

    async def story():
        async with control_plane(store, drain=DRAIN) as first, control_plane(store, drain=DRAIN) as second:
            for _ in range(CHANGES):
                change(context_of(store, anna), rng)
                if rng.random() < 0.5:  # otherwise, several changes are read at once
                    await first.published()
            advance(DRAIN + 1)
            async with control_plane(store) as later:
                states = [read_contents(plane) for plane in (first, second, later) if await plane.published()]
            assert states[0] == states[1] == states[2]
            assert any(states[0][0].values())

    play(story())
