"""Unused certificates in a real Chromium: by keyboard, in both themes, wide and narrow."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import violations
from holdfast.web.notices import describe
from issuing import issue
from running import Holdfast, PublishedApi

BACKEND = "https://unused.test:8443"


@pytest.fixture
def api(holdfast: Holdfast) -> Iterator[PublishedApi]:
    """An API whose endpoint has a certificate, which is deleted after the test."""
    new_api = holdfast.publish_api(BACKEND)
    alias = holdfast.import_certificate(BACKEND, issue("unused.test").pem)
    yield new_api
    holdfast.rest.delete(f"/apis/{new_api.id}")
    holdfast.rest.delete(f"/endpoint-certificates/{alias}")


def look(page: Page) -> None:
    """Check that axe finds nothing and nothing is too wide: light on a desktop, dark on a phone."""
    before = page.viewport_size
    for theme, width in (("light", 1280), ("dark", 390)):
        page.evaluate(f"document.documentElement.dataset.bsTheme = '{theme}'")
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("document.documentElement.dataset.bsTheme = 'light'")
    page.set_viewport_size(before or {"width": 1200, "height": 800})


def test_a_certificate_left_behind_by_a_changed_endpoint_is_deleted_by_keyboard(
    signed_in: Page, holdfast: Holdfast, api: PublishedApi
):
    signed_in.goto(f"/apis/{api.id}/endpoints")
    signed_in.get_by_label("Production Endpoint URL").fill("https://other.test")
    signed_in.keyboard.press("Enter")
    region = signed_in.get_by_role("region", name="Unused certificates")
    expect(region).to_contain_text(BACKEND)
    look(signed_in)
    button = region.get_by_role("button", name="Delete them")
    button.focus()
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("status").filter(has_text="deleted")).to_be_visible()
    assert holdfast.rest.get("/endpoint-certificates", params={"endpoint": BACKEND}).json()["count"] == 0


def test_a_certificate_is_deleted_with_its_api_or_later_on_the_page_of_unused_ones(signed_in: Page, api: PublishedApi):
    signed_in.goto(f"/apis/{api.id}")
    signed_in.get_by_role("button", name="Delete").click()
    dialog = signed_in.get_by_role("dialog")
    box = dialog.get_by_label("Delete them with the API")
    expect(box).not_to_be_checked()
    look(signed_in)
    box.press("Space")
    expect(box).to_be_checked()
    box.press("Space")
    dialog.get_by_role("button", name="Delete").press("Enter")
    expect(signed_in.get_by_text(describe("api-deleted-unused", f"{api.name} 1.0"))).to_be_visible()
    look(signed_in)
    signed_in.goto("/unused-certificates")
    region = signed_in.get_by_role("region", name=BACKEND)
    region.locator("summary").press("Enter")
    expect(region).to_contain_text("SHA-256 fingerprint")
    look(signed_in)
    region.get_by_role("button", name="Delete").press("Enter")
    expect(signed_in.get_by_role("dialog")).to_be_visible()
    look(signed_in)
    signed_in.keyboard.press("Escape")
    expect(signed_in.get_by_role("dialog")).to_be_hidden()
    region.get_by_role("button", name="Delete").press("Enter")
    signed_in.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    expect(signed_in.get_by_role("heading", name="No unused certificates")).to_be_visible()
    look(signed_in)
