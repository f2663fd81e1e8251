"""The Traffic, Callers and Definition pages of an API, and the import of an API, are accessible, even by keyboard."""

import json

import pytest
from playwright.sync_api import FilePayload, Page, expect

from backends import Backend
from browser.conftest import tab_to, violations_by_theme
from issuing import Identity, issue
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.long
REPORTED_WITHIN = 90.0  # seconds: flushes every 5, parts every 10
DEFINITION = {
    "openapi": "3.0.3",
    "info": {"title": "Walked", "version": "1"},
    "servers": [{"url": "https://backend.example"}],
    "paths": {"/orders": {"get": {"responses": {"200": {"description": "Orders."}}}}},
}


@pytest.fixture(scope="module")
def api(holdfast: Holdfast, backend: Backend, identity: Identity) -> PublishedApi:
    """An API with traffic, which is reported while other tests run."""
    url = backend.url(host="127.0.0.1")
    api = holdfast.publish_api(url, sandbox="http://127.0.0.1:9")
    holdfast.import_certificate(url, identity.pem, "walked")
    for status in (200, 404, 500):
        holdfast.call(f"{api.path}/status/{status}")
    holdfast.call(api.path, sandbox=True)
    return api


def check(page: Page, address: str) -> None:
    """Open *address* on wide and narrow screens, and let axe find nothing."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address)
        assert violations_by_theme(page) == [], (address, width)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), address


def test_an_api_is_imported_from_a_definition_by_keyboard(signed_in: Page, holdfast: Holdfast):
    check(signed_in, "/apis/import")
    signed_in.goto("/apis/import")
    payload = FilePayload(name="walked.json", mimeType="application/json", buffer=json.dumps(DEFINITION).encode())
    signed_in.locator("input[type=file]").first.set_input_files(payload)
    expect(signed_in.get_by_label("Name")).to_have_value("Walked")
    assert violations_by_theme(signed_in) == []
    tab_to(signed_in.get_by_role("button", name="Create"))
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("heading", name="Walked 1", level=1)).to_be_visible()
    assert holdfast.rest.delete(f"/apis/{signed_in.url.partition('/apis/')[2]}").is_success


def test_a_definition_is_read_and_replaced_by_keyboard(signed_in: Page, api: PublishedApi):
    check(signed_in, f"/apis/{api.id}/definition")
    tab_to(signed_in.get_by_role("button", name="Replace"))
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("dialog").get_by_role("heading").first).to_be_focused()
    assert violations_by_theme(signed_in) == []
    signed_in.keyboard.press("Escape")
    expect(signed_in.get_by_role("dialog")).to_be_hidden()


def test_a_caller_certificate_is_added_by_keyboard(signed_in: Page, holdfast: Holdfast, api: PublishedApi):
    check(signed_in, f"/apis/{api.id}/callers")
    tab_to(signed_in.get_by_role("button", name="Add certificate"))
    signed_in.keyboard.press("Enter")
    dialog = signed_in.get_by_role("dialog")
    expect(dialog.get_by_role("heading").first).to_be_focused()
    assert violations_by_theme(signed_in) == []
    signed_in.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    holdfast.let_call(api, issue(common_name="partner").pem, "partner")
    check(signed_in, f"/apis/{api.id}/callers")


def test_traffic_is_shown_as_tables_and_for_other_periods_by_keyboard(
    signed_in: Page, holdfast: Holdfast, api: PublishedApi
):
    def requests() -> int:
        return holdfast.rest.get(f"/apis/{api.id}/traffic", params={"range": "1h"}).json()["total"]["requests"]

    wait_until(lambda: requests() >= 4, REPORTED_WITHIN)
    check(signed_in, f"/apis/{api.id}/traffic?period=1h")
    tab_to(signed_in.locator(".segments").get_by_role("link", name="7d"))
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator(".segments [aria-current]")).to_have_text("7d")
    tab_to(signed_in.locator("summary", has_text="as a table").first)
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("details[open] table")).to_be_visible()
    signed_in.keyboard.press("Tab")
    expect(signed_in.locator("details[open] .chart-scroll")).to_be_focused()
    assert violations_by_theme(signed_in) == []
