"""Live pages, each of which holds a connection, are limited per user."""

import asyncio
from functools import partial

from holdfast.services.access.accounts import principal_of
from holdfast.web.live_events import MAX_STREAMS, write_events
from holdfast.web.publishing.live import collect_state
from rest.calls import APIS, api_body, create_api

OTHER = "https://other.test"


def test_the_number_of_live_pages_per_user_is_limited(client, berta, shared_runtime):
    url = f"/apis/{create_api(client)['id']}/enforcement"
    shared_runtime.live_pages[principal_of(berta).account] = MAX_STREAMS
    refused = client.get(f"{url}/live")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
    assert "You have 20 live pages open" in refused.text
    assert client.get(url).status_code == 200


def test_a_live_page_holds_no_transaction_between_changes(client, berta, shared_runtime):
    """A read transaction that stays open would never see changes, and would block checkpoints."""
    api, user = create_api(client), principal_of(berta)

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
