"""The Check button next to the URL of an endpoint, with and without JavaScript."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from backends import Backend, closed_port
from browser.conftest import sign_in, violations_by_theme
from issuing import Identity
from running import Holdfast, PublishedApi, wait_until


@pytest.fixture(scope="module")
def backend(identity: Identity) -> Iterator[Backend]:
    """A separate backend, because all certificates for the origin of the shared one would be listed."""
    with Backend(identity) as running:
        yield running


@pytest.fixture(scope="module")
def api(holdfast: Holdfast, backend: Backend, identity: Identity) -> PublishedApi:
    return holdfast.publish_trusted_api(backend.url("/base", host="localhost"), identity.pem)


def url_of(page: Page):
    return page.get_by_label("Production Endpoint URL")


def check(page: Page, url: str) -> None:
    url_of(page).fill(url)
    page.get_by_role("button", name="Check the Production Endpoint").click()


def test_a_typed_url_is_checked_and_the_result_disappears_when_it_changes(
    signed_in: Page, api: PublishedApi, backend: Backend
):
    signed_in.goto(f"/apis/{api.id}/endpoints")
    answer = signed_in.locator("#production-answer")
    for status in ("200 OK", "405 Method Not Allowed"):
        check(signed_in, backend.url(f"/status/{status[:3]}", host="localhost"))
        expect(answer).to_contain_text(status)
        assert violations_by_theme(signed_in) == []
    url_of(signed_in).press("End")
    url_of(signed_in).type("x")
    expect(answer).to_be_empty()
    with closed_port() as closed:
        check(signed_in, closed)
        expect(answer).to_contain_text("connection_refused")
    assert violations_by_theme(signed_in) == []
    check(signed_in, "nonsense")
    expect(answer).to_contain_text("must begin with https://")
    signed_in.set_viewport_size({"width": 320, "height": 640})
    assert signed_in.evaluate("document.documentElement.scrollWidth") <= 320


def test_an_unchecked_endpoint_cannot_be_tested(signed_in: Page, api: PublishedApi):
    signed_in.goto(f"/apis/{api.id}/endpoints")
    button = signed_in.get_by_role("button", name="Check the Sandbox Endpoint")
    expect(button).to_be_disabled()
    signed_in.get_by_role("checkbox", name="Sandbox Endpoint").check()
    expect(button).to_be_enabled()


def test_without_javascript_the_page_shows_the_result_and_enter_saves(
    chromium: Browser, holdfast: Holdfast, api: PublishedApi, backend: Backend
):
    context = chromium.new_context(base_url=holdfast.publisher_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, holdfast)
    page.goto(f"/apis/{api.id}/endpoints")
    check(page, backend.url("/status/204", host="localhost"))
    expect(page.locator("#production-answer")).to_contain_text("204 No Content")
    expect(url_of(page)).to_have_value(backend.url("/status/204", host="localhost"))
    url_of(page).fill(backend.url("/base", host="localhost"))
    url_of(page).press("Enter")
    expect(page.get_by_role("status").filter(has_text="saved")).to_be_visible()
    context.close()


def test_the_settings_of_an_endpoint_are_shown_while_its_box_is_checked(signed_in: Page, api: PublishedApi):
    signed_in.goto(f"/apis/{api.id}/endpoints")
    settings = signed_in.get_by_text("Advanced settings of the Sandbox Endpoint")
    expect(settings).to_be_hidden()
    signed_in.get_by_label("Sandbox Endpoint", exact=True).check()
    expect(settings).to_be_visible()


def test_the_reason_of_a_failure_that_the_page_shows_is_not_repeated(signed_in: Page, holdfast: Holdfast):
    with closed_port() as closed:
        api = holdfast.publish_api(closed)
        wait_until(lambda: holdfast.call(api.path).status_code == 503)
        signed_in.goto(f"/apis/{api.id}/endpoints")
        expect(signed_in.locator("[data-failure=production]")).to_contain_text("connection_refused")
        check(signed_in, closed)
        expect(signed_in.locator("#production-answer")).to_have_text(
            f"No answer from {closed}. It still fails for the same reason: connection_refused"
        )
    holdfast.delete_api(api)
