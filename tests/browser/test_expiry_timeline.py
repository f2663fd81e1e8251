"""The timeline of what expires and what backends present, in a browser with a real backend that changes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from backends import Backend
from browser.conftest import TIMEOUT, violations_by_theme
from issuing import DAY, issue
from running import Holdfast, wait_until

HOST = "127.0.0.1"
OLD = issue(HOST, end=40 * DAY)
NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory, server_environment: dict[str, str]) -> Iterator[Holdfast]:
    """A Holdfast that watches a backend whose key and issuer have changed."""
    environment = server_environment | {"HOLDFAST_WATCH_INTERVAL": "1"}
    new = issue(HOST, by=issue(ca=True, common_name="Another CA"), end=90 * DAY)
    with Holdfast(tmp_path_factory.mktemp("expiry"), **environment) as running, Backend(OLD) as backend:
        running.create_api(backend.url(), name="Orders")
        fields, files = {"alias": "orders", "endpoint": backend.url()}, {"certificate": ("a.crt", OLD.pem)}
        assert running.rest.post("/endpoint-certificates", data=fields, files=files).is_success
        for status in ("trusted", "changed"):
            query = {"status": status}
            wait_until(lambda query=query: running.rest.get("/watched-endpoints", params=query).json()["count"])
            backend.present(new)
        yield running


@pytest.fixture(scope="module")
def admin(chromium: Browser, watching: Holdfast) -> Iterator[Page]:
    with chromium.new_context(base_url=watching.publisher_url, viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        page.goto("/")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill(watching.admin_password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        yield page


def fits(page: Page) -> bool:
    """Return whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_month_of_the_timeline_is_chosen_by_keyboard_on_wide_and_narrow_screens(admin: Page):
    month = f"{OLD.certificate.not_valid_after_utc:%B %Y}"
    for size in ({"width": 1280, "height": 900}, NARROW):
        admin.set_viewport_size({"width": size["width"], "height": size["height"]})
        admin.goto("/expiry")
        assert violations_by_theme(admin) == []
        assert fits(admin)
        link = admin.get_by_role("link", name=f"{month}: 1 trusted, 0 presented")
        expect(link).to_have_count(1)  # the drawing for the other kind of screen is hidden
        link.focus()
        admin.keyboard.press("Enter")
        expect(admin.get_by_role("heading", name=month)).to_be_visible()
        expect(admin.get_by_role("row").filter(has_text="orders")).to_have_count(1)


def test_the_page_of_an_api_leads_to_the_history_of_its_backend(admin: Page):
    admin.set_viewport_size({"width": 1280, "height": 900})
    admin.goto("/apis")
    admin.get_by_role("link", name="Orders").first.click()
    admin.get_by_role("link", name="Endpoints", exact=True).click()
    expect(admin.locator("[data-watch=changed]")).to_be_visible()
    admin.get_by_role("link", name="History").click()
    expect(admin.get_by_role("row").filter(has_text="New key")).to_have_count(1)
    for path in ("/watched-endpoints", admin.url):
        for size in ({"width": 1280, "height": 900}, NARROW):
            admin.set_viewport_size({"width": size["width"], "height": size["height"]})
            admin.goto(path)
            assert violations_by_theme(admin) == []
            assert fits(admin)


def test_the_address_of_a_calendar_is_shown_once(admin: Page):
    admin.goto("/expiry")
    admin.get_by_role("heading", name="Calendar feed").click()
    admin.get_by_role("button", name="Create an address").click()
    address = admin.locator("#feed").inner_text()
    assert violations_by_theme(admin) == []
    answer = admin.request.get(address)
    assert answer.status == 200
    assert "SUMMARY:Trusted certificate expires: orders" in answer.text()
    admin.goto("/expiry")
    expect(admin.locator("body")).not_to_contain_text(address)
