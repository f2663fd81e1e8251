"""A viewer sees everything; controls without permission are disabled, with an accessible reason."""

import re
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser, BrowserContext, Cookie, Page, expect

from backends import Backend
from browser.conftest import sign_in, violations_by_theme
from issuing import Identity, issue
from running import Holdfast, PublishedApi

pytestmark = pytest.mark.long

NAME, PASSWORD, REASON = "vera", "several quite new words", "Your roles don't allow this"


@pytest.fixture(scope="module")
def backend(identity: Identity) -> Iterator[Backend]:
    """A separate backend, because all certificates for the origin of the shared one would be listed."""
    with Backend(identity) as running:
        yield running


@pytest.fixture(scope="module")
def api(holdfast: Holdfast, backend: Backend, identity: Identity) -> PublishedApi:
    user = {"name": NAME, "password": PASSWORD, "roles": ["viewer"]}
    assert holdfast.rest.post("/users", json=user).status_code == 201
    new_api = holdfast.publish_trusted_api(backend.url(host="localhost"), identity.pem)
    alias = holdfast.rest.get("/endpoint-certificates", params={"endpoint": backend.url(host="localhost")})
    path = f"/endpoint-certificates/{alias.json()['certificates'][0]['alias']}"
    files = {"certificate": ("new.pem", issue("localhost").pem)}
    assert holdfast.rest.put(path, params={"keepPrevious": "true"}, files=files).status_code == 200
    return new_api


@pytest.fixture(scope="module")
def cookies(chromium: Browser, holdfast: Holdfast, api: PublishedApi) -> Sequence[Cookie]:
    """The viewer's session."""
    del api
    with chromium.new_context(base_url=holdfast.publisher_url) as context:
        sign_in(context.new_page(), holdfast, NAME, PASSWORD)
        return context.cookies()


@pytest.fixture
def viewer(page: Page, context: BrowserContext, cookies: Sequence[Cookie]) -> Page:
    context.add_cookies(cookies)  # type: ignore[arg-type]
    return page


def addresses(api: PublishedApi) -> list[str]:
    pages = ["", "/endpoints?certificates", "/lifecycle", "/new-certificate", "/delete"]
    return ["/apis", "/apis/new", "/failures", "/account", *(f"/apis/{api.id}{page}" for page in pages)]


def test_axe_finds_nothing_on_any_page(viewer: Page, api: PublishedApi):
    for address in addresses(api):
        viewer.goto(address)
        assert violations_by_theme(viewer) == [], address


def test_the_reason_is_accessible_by_keyboard_and_screen_reader(viewer: Page, api: PublishedApi):
    viewer.goto(f"/apis/{api.id}/endpoints?certificates")
    for name in ("Add Certificate", "Replace certificate", "Delete certificate", "Undo", "Save"):
        button = viewer.get_by_role("button", name=name, exact=True)
        expect(button).to_be_disabled()
        button.focus()
        # Leave and return: after a click, focus is visible only if it came from the keyboard.
        viewer.keyboard.press("Shift+Tab")
        viewer.keyboard.press("Tab")
        expect(button).to_be_focused()
        expect(button).to_have_accessible_description(re.compile(f"{REASON}\\.$"))
        expect(button).to_have_accessible_name(name)
        content = button.evaluate("(each) => getComputedStyle(each, '::after').content")
        assert content.startswith(f'"{REASON}"'), name
        button.press("Enter")
        button.click(force=True)
        expect(viewer.get_by_role("dialog")).to_have_count(0)
    assert viewer.url.endswith(f"/apis/{api.id}/endpoints?certificates")


def test_endpoints_can_be_read_and_copied_but_not_changed(viewer: Page, api: PublishedApi, backend: Backend):
    viewer.goto(f"/apis/{api.id}/endpoints")
    url = viewer.get_by_label("Production Endpoint URL")
    expect(url).to_have_value(backend.url(host="localhost"))
    expect(url).not_to_be_editable()
    expect(viewer.get_by_role("checkbox", name="Production Endpoint")).to_be_disabled()
    url.press("Enter")
    expect(viewer.get_by_role("status").filter(has_text="saved")).to_have_count(0)


def test_no_page_is_wider_than_a_narrow_screen_even_with_a_reason_shown(viewer: Page, api: PublishedApi):
    viewer.set_viewport_size({"width": 320, "height": 640})
    for address in addresses(api):
        viewer.goto(address)
        for button in viewer.locator("button[aria-disabled=true]:visible").all():
            button.focus()
            assert viewer.evaluate("document.documentElement.scrollWidth") <= 320, address
