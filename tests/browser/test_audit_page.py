"""The audit log in a browser: filters, values side by side, downloads and the history of one object."""

import os

from playwright.sync_api import Page, expect

from browser.conftest import violations_by_theme
from issuing import issue
from rest.calls import api_body
from running import Holdfast

PICTURES = os.environ.get("HOLDFAST_PICTURES", "")


def take_pictures(page: Page, name: str) -> None:
    if not PICTURES:
        return
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=f"{PICTURES}/{name}-{width}-{theme}.png", full_page=False)


def test_the_audit_log_shows_the_user_that_replaced_a_certificate(signed_in: Page, holdfast: Holdfast):
    old, new = issue("audited.test"), issue("audited.test")
    rest, fields = holdfast.rest, {"alias": "audited", "endpoint": "https://audited.test"}
    body = api_body("Audited", "https://audited.test")
    assert rest.post("/apis", json=body).is_success
    assert rest.post("/endpoint-certificates", data=fields, files={"certificate": ("a.pem", old.pem)}).is_success
    assert rest.put("/endpoint-certificates/audited", files={"certificate": ("a.pem", new.pem)}).is_success
    page = signed_in
    page.goto("/apis")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit log").click()
    page.get_by_role("navigation", name="About").get_by_role("link", name="Certificates").click()
    row = page.get_by_role("row").filter(has_text="Replace certificate").first
    row.get_by_text("Replace certificate").click()
    expect(row.get_by_role("table")).to_contain_text("Before")
    expect(row.locator(".changes .fingerprint")).to_have_count(2)
    assert violations_by_theme(page) == []
    take_pictures(page, "audit-open")
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations_by_theme(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    row.get_by_role("link", name="Only events about audited").click()
    expect(page.locator("tbody > tr:has(details)")).to_have_count(2)
    page.get_by_label("Search events").fill("import")
    page.keyboard.press("Enter")
    expect(page.locator("tbody > tr:has(details)")).to_have_count(1)
    take_pictures(page, "audit-filtered")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.path().read_text().count("\n") == 2
    page.get_by_label("Search events").fill("nothing like this")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No events match these filters")).to_be_visible()
    assert violations_by_theme(page) == []
    page.get_by_role("list", name="Filters in use").get_by_role("link").filter(has_text="nothing").click()
    expect(page.locator("tbody > tr:has(details)")).to_have_count(2)
    page.goto("/audit")
    take_pictures(page, "audit")
