"""The page of the REST API, in a browser."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.long


def open_settings(page: Page) -> Locator:
    page.goto("/docs")
    page.locator("[id=operations-tag-Settings]").click()
    settings = page.locator("[id=operations-Settings-get_settings]")
    settings.locator(".opblock-summary-control").click()
    return settings


def test_operations_are_tried_in_the_theme_without_requests_to_other_hosts_or_a_password_prompt(signed_in: Page):
    """
    Violations of the content security policy would appear in the console, which the fixture checks.

    Showing all operations takes seconds, so this is one visit.
    """
    urls: list[str] = []
    signed_in.on("request", lambda request: urls.append(request.url))
    signed_in.emulate_media(color_scheme="dark")
    settings = open_settings(signed_in)
    expect(signed_in.get_by_role("heading", name="Holdfast", level=1)).to_be_visible()
    expect(signed_in.locator("html.dark-mode")).to_have_count(1)
    settings.get_by_role("button", name="Try it out").click()
    settings.get_by_role("button", name="Execute").click()
    expect(settings.locator(".live-responses-table .response .response-col_status")).to_have_text(re.compile("200"))
    signed_in.emulate_media(color_scheme="light")
    expect(signed_in.locator("html.dark-mode")).to_have_count(0)

    # An expired session doesn't open a password prompt.
    signed_in.context.clear_cookies()
    with signed_in.expect_response("**/settings") as response_info:
        settings.get_by_role("button", name="Execute").click()
    assert response_info.value.status == 401
    assert response_info.value.header_values("www-authenticate") == ['Bearer realm="Holdfast"']
    origin = signed_in.evaluate("location.origin")
    assert [url for url in urls if not url.startswith((origin, "data:"))] == []
