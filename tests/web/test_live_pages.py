"""Pages that show changes as they happen keep a connection each, and so are counted."""

from holdfast.services.access.accounts import principal_of
from holdfast.web.publishing.live import MAX_STREAMS
from rest.calls import create_api


def test_a_user_has_so_many_pages_that_show_changes_and_no_more(client, berta, shared_runtime):
    url = f"/apis/{create_api(client)['id']}/enforcement"
    shared_runtime.live_pages[principal_of(berta).account] = MAX_STREAMS
    refused = client.get(f"{url}/live")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
    assert "You have 20 pages open" in refused.text
    assert client.get(url).status_code == 200
