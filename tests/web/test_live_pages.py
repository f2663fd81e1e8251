"""Live pages, each of which holds a connection, are limited per user."""

import asyncio
from datetime import timedelta
from functools import partial

from acting import context_of
from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.evidence import Evidence
from holdfast.services.access.accounts import make_principal
from holdfast.web.live_events import MAX_STREAMS, write_events
from holdfast.web.publishing.live import collect_state
from rest.calls import APIS, api_body, create_api

FIRST = "https://pizza.test"
OTHER = "https://other.test"


def test_the_number_of_live_pages_per_user_is_limited(client, berta, shared_runtime):
    url = f"/apis/{create_api(client)['id']}/enforcement"
    shared_runtime.live_pages[make_principal(berta).account] = MAX_STREAMS
    response = client.get(f"{url}/live")
    assert (response.status_code, response.headers["retry-after"]) == (503, "30")
    assert "You have 20 live pages open" in response.text
    assert client.get(url).status_code == 200


def test_the_last_failure_of_a_group_is_shown_at_its_first_endpoint_unless_that_has_failed_since(
    client, berta, shared_runtime
):
    api, context = create_api(client), context_of(shared_runtime.store, make_principal(berta))
    url, members = f"{APIS}/{api['id']}", [{"url": member} for member in (FIRST, OTHER)]
    config = {"endpoint_type": "load_balance", "production_endpoints": members}
    assert client.put(url, json=client.get(url).json() | {"endpointConfig": config}).is_success

    def fail(seconds, member, reason):
        at = shared_runtime.now() + timedelta(seconds=seconds)
        cluster, evidence = f"{berta.organization}/{api['id']}/production", Evidence(reason=reason)
        request = FailedRequest("edge", cluster, "", f"r{seconds}", at, evidence, member=member)
        shared_runtime.failures.record(request)
        failures = collect_state(shared_runtime, api["id"], context)["failures"]
        return {name: failure["help"].partition("#")[2] for name, failure in failures.items()}

    hostname, self_signed = "SAN matcher, certificate SANs are [a.test]", "depth_0:_self_signed_certificate"
    reason_text = "depth_0:_certificate_has_expired"
    assert fail(1, FIRST, hostname) == {"production": "hostname_mismatch"}
    assert fail(2, "", self_signed) == {"production": "self_signed_not_trusted"}
    assert fail(3, OTHER, reason_text) == {"production": "self_signed_not_trusted", "production-1": "expired"}
    assert fail(4, FIRST, hostname)["production"] == "hostname_mismatch"


def test_a_live_page_holds_no_transaction_between_changes(client, berta, shared_runtime):
    """A read transaction that stays open would never see changes, and would block checkpoints."""
    api, user = create_api(client), make_principal(berta)

    async def story():
        events = write_events(None, shared_runtime, user, partial(collect_state, shared_runtime, api["id"]))
        try:
            before = await anext(events)
            connections = shared_runtime.store.connections
            await asyncio.to_thread(client.put, f"{APIS}/{api['id']}", json=api_body(production=OTHER))
            shared_runtime.groups.tell_observers()
            return before, connections, await anext(events)
        finally:
            await events.aclose()

    before, connections, after = asyncio.run(story())
    assert ("pizza.test" in before, connections, OTHER in after) == (True, 0, True)
