"""The questions of everyday work are answered at most two clicks from Home."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from backends import Backend, closed_port
from browser.conftest import violations_by_theme
from issuing import DAY, issue
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.long
ALIAS = "first-to-expire"


@pytest.fixture(scope="module")
def api(holdfast: Holdfast) -> Iterator[PublishedApi]:
    """An API whose backend's certificate is the only one in use that expires within 7 days."""
    identity = issue("localhost", end=3 * DAY)
    with Backend(identity) as backend:
        endpoint = backend.url(host="localhost")
        api = holdfast.publish_api(endpoint)
        data = {"alias": ALIAS, "endpoint": endpoint}
        files = {"certificate": ("backend.pem", identity.pem)}
        holdfast.rest.post("/endpoint-certificates", data=data, files=files).raise_for_status()
        yield api
        holdfast.delete_certificate(ALIAS)
        holdfast.delete_api(api)


def test_expiry_use_gateways_and_importer_of_a_certificate_are_two_clicks_away(signed_in: Page, api: PublishedApi):
    signed_in.goto("/")
    item = signed_in.locator("[data-kind=expiring-in-7-days]")
    expect(item).to_contain_text(ALIAS)  # what expires next: no click
    item.get_by_role("link").click()
    details = signed_in.get_by_role("main")
    expect(details.get_by_role("heading", name=ALIAS)).to_be_visible()
    expect(details.get_by_role("link", name=f"{api.name} 1.0", exact=True)).to_be_visible()  # where it is used
    expect(details.locator("[data-progress=enforced]")).to_be_visible()  # all gateways have it
    expect(details.get_by_text("by admin").first).to_be_visible()  # who imported it
    details.locator("[data-progress=enforced]").click()  # which gateways these are
    expect(signed_in.get_by_role("heading", name="local", exact=True)).to_be_visible()


def test_all_certificates_in_the_order_in_which_they_expire_are_one_click_away(signed_in: Page, api: PublishedApi):
    assert api
    signed_in.goto("/")
    signed_in.get_by_role("navigation", name="Main").get_by_role("link", name="Certificates").click()
    expect(signed_in.locator("tbody tr").first).to_contain_text(ALIAS)


def test_home_shows_failing_backends_first(signed_in: Page, holdfast: Holdfast, api: PublishedApi):
    assert api
    with closed_port() as url:
        failing = holdfast.publish_api(url)
        wait_until(lambda: holdfast.call(failing.path) and failing.name in holdfast.rest.get("/failures").text)
        signed_in.goto("/")
        item = signed_in.locator("[data-kind=failing-backends]")
        expect(item).to_be_visible()
        assert signed_in.locator("[data-kind]").first.get_attribute("data-kind") == "failing-backends"
        assert violations_by_theme(signed_in) == []
        item.get_by_role("link").click()
        expect(
            signed_in.get_by_role("row").filter(has=signed_in.get_by_role("rowheader", name=failing.name))
        ).to_be_visible()
        holdfast.delete_api(failing)


def test_home_is_not_wider_than_a_narrow_screen(signed_in: Page, api: PublishedApi):
    assert api
    signed_in.set_viewport_size({"width": 320, "height": 640})
    signed_in.goto("/")
    expect(signed_in.get_by_role("heading", name="Needs attention")).to_be_visible()
    assert signed_in.evaluate("document.documentElement.scrollWidth") <= 320
