"""The Failures page, and the diagnosis of a single request."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backends import Backend, closed_port
from browser.conftest import sign_in, violations, violations_by_theme, wait_for_current_badge
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanations import EXPLANATIONS
from holdfast.web.notices import describe
from issuing import DAY, Identity, issue
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def failing(holdfast: Holdfast) -> Iterator[PublishedApi]:
    """An API whose backend refuses connections, with a reported failure."""
    with closed_port() as url:
        api = holdfast.publish_api(url)
        fail(holdfast, api)
        yield api
        holdfast.delete_api(api)


def fail(holdfast: Holdfast, api: PublishedApi) -> str:
    """Call until a failed request is reported, and return the ID of the last one."""
    request_ids: list[str] = []

    def find_reported() -> list[str]:
        return [failure["requestId"] for failure in holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]]

    def told_after_call() -> bool:
        request_ids.append(holdfast.call(api.path).json()["request_id"])
        return not set(find_reported()).isdisjoint(request_ids)

    wait_until(told_after_call)
    wait_until(lambda: find_reported() == request_ids[-1:])
    return request_ids[-1]


def item(page: Page, api: PublishedApi) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=api.name))


def test_axe_finds_nothing_on_any_state_of_the_page(signed_in: Page, holdfast: Holdfast, failing: PublishedApi):
    request_id = fail(holdfast, failing)
    for address, heading in (
        ("/failures", "Failures"),
        (f"/failures?request_id={request_id}", failing.name),
        ("/failures?request_id=unknown", "No failed request with this ID"),
        ("/failures?page=99", "Page 99 doesn't exist"),
        ("/failures?cause=unknown", "No failures match the filter"),
    ):
        signed_in.goto(address)
        expect(signed_in.get_by_role("heading", name=heading)).to_be_visible()
        assert violations_by_theme(signed_in) == [], address


def test_no_state_of_the_page_is_wider_than_a_narrow_screen(signed_in: Page, holdfast: Holdfast, failing: PublishedApi):
    request_id = fail(holdfast, failing)
    signed_in.set_viewport_size({"width": 320, "height": 640})
    for address in ("/failures", f"/failures?request_id={request_id}", "/failures?request_id=unknown"):
        signed_in.goto(address)
        assert signed_in.evaluate("document.documentElement.scrollWidth") <= 320, address


def test_a_failure_shows_cause_place_time_and_remedy(signed_in: Page, holdfast: Holdfast, failing: PublishedApi):
    request_id = fail(holdfast, failing)
    signed_in.goto("/")
    signed_in.get_by_role("navigation", name="Main").get_by_role("link", name="Failures").click()
    expect(signed_in.get_by_role("heading", name="Failures", exact=True)).to_be_visible()
    article = item(signed_in, failing)
    article.locator("summary").first.click()
    for text in (
        "Production",
        "https://127.0.0.1:",
        "connection_refused",
        EXPLANATIONS[Cause.CONNECTION_REFUSED].sentence,
        EXPLANATIONS[Cause.CONNECTION_REFUSED].remedy,
        "local",
        request_id,
    ):
        expect(article).to_contain_text(text)
    article.get_by_role("link", name=f"Change the endpoint of {failing.name} 1.0, production").click()
    signed_in.wait_for_url(f"**/apis/{failing.id}/endpoints")


def test_a_request_is_found_by_the_id_in_its_response(signed_in: Page, holdfast: Holdfast, failing: PublishedApi):
    request_id = fail(holdfast, failing)
    signed_in.goto("/failures")
    signed_in.get_by_label("Request ID", exact=True).fill(f" {request_id} ")
    signed_in.keyboard.press("Enter")
    article = signed_in.get_by_role("article")
    expect(article).to_contain_text("connection_refused")
    expect(article).to_contain_text(request_id)
    expect(article.get_by_text("Connection refused")).to_be_hidden()
    article.get_by_text("Gateway's error message").click()
    expect(article.get_by_text("Connection refused")).to_be_visible()
    signed_in.get_by_label("Request ID", exact=True).fill("<script>alert(1)</script>")
    signed_in.get_by_role("button", name="Find").click()
    expect(signed_in.get_by_text("No failed request with this ID")).to_be_visible()


def test_the_page_updates_and_keeps_the_focus(signed_in: Page, holdfast: Holdfast, failing: PublishedApi):
    signed_in.goto("/failures")
    article = item(signed_in, failing)
    article.get_by_role("link", name="Change the endpoint").focus()
    article.evaluate("(element) => { element.dataset.same = 'yes' }")
    newer = fail(holdfast, failing)
    expect(article).to_contain_text(newer)
    identity: Identity = issue("localhost")
    with Backend(identity) as backend:
        other = holdfast.publish_api(backend.url(host="localhost"))
        fail(holdfast, other)
        expect(item(signed_in, other)).to_contain_text("self_signed_not_trusted")
        wait_for_current_badge(signed_in, holdfast)
        expect(signed_in.locator("tbody tr").first).to_contain_text(other.name)
        assert article.get_attribute("data-same") == "yes"
        expect(article.get_by_role("link", name="Change the endpoint")).to_be_focused()
        assert violations(signed_in) == []
        alias = holdfast.import_certificate(backend.url(host="localhost"), identity.pem)
        expect(item(signed_in, other)).to_have_count(0)
        wait_for_current_badge(signed_in, holdfast)
        expect(article.get_by_role("link", name="Change the endpoint")).to_be_focused()
        holdfast.delete_certificate(alias)
        holdfast.delete_api(other)


def test_the_focus_moves_to_the_page_when_the_focused_failure_disappears(signed_in: Page, holdfast: Holdfast):
    identity = issue("localhost")
    with Backend(identity) as backend:
        api = holdfast.publish_api(backend.url(host="localhost"))
        fail(holdfast, api)
        signed_in.goto("/failures")
        item(signed_in, api).get_by_role("button", name="Import the certificate").focus()
        alias = holdfast.import_certificate(backend.url(host="localhost"), identity.pem)
        expect(item(signed_in, api)).to_have_count(0)
        expect(signed_in.get_by_role("main")).to_be_focused()
        holdfast.delete_certificate(alias)
        holdfast.delete_api(api)


def test_an_expired_backend_certificate_is_not_offered_for_import(signed_in: Page, holdfast: Holdfast):
    with Backend(issue("localhost", start=-9 * DAY, end=-DAY)) as backend:
        api = holdfast.publish_api(backend.url(host="localhost"))
        fail(holdfast, api)
        signed_in.goto("/failures")
        article = item(signed_in, api)
        expect(article.locator(".code-badge")).to_have_text("expired")
        expect(article.get_by_role("button", name="Import the certificate")).to_have_count(0)
        signed_in.goto(f"/apis/{api.id}/new-certificate")
        signed_in.get_by_role("button", name="Fetch from endpoint").click()
        expect(signed_in.get_by_role("radio", name="The backend's own certificate")).to_be_disabled()
        expect(signed_in.locator(".fetched > .finding-error").first).to_be_visible()
        assert violations(signed_in) == []
        holdfast.delete_api(api)


def test_the_filter_keeps_what_matches_and_is_in_the_address(signed_in: Page, failing: PublishedApi):
    signed_in.goto("/failures")
    filters = signed_in.get_by_role("form", name="Filter")
    filters.get_by_label("Cause").select_option("connection_refused")
    signed_in.wait_for_url("**cause=connection_refused**")
    expect(item(signed_in, failing)).to_be_visible()
    filters.get_by_label("Show").select_option("acknowledged")
    expect(signed_in.get_by_role("heading", name="No failures match the filter")).to_be_visible()
    signed_in.reload()
    expect(filters.get_by_label("Show")).to_have_value("acknowledged")


def test_an_acknowledged_failure_leaves_the_navigation_but_not_the_list(signed_in: Page, failing: PublishedApi):
    signed_in.goto("/failures")
    badge = signed_in.get_by_role("navigation", name="Main").locator("[href='/failures'] .badge-count")
    expect(badge).to_be_visible()
    before = int(badge.inner_text())
    item(signed_in, failing).get_by_role("button", name="Acknowledge").press("Enter")
    expect(signed_in.get_by_text(describe("failure-acknowledged", f"{failing.name} 1.0"))).to_be_visible()
    expect(item(signed_in, failing)).to_contain_text("Acknowledged by admin")
    expect(badge.filter(has_text=str(before))).to_have_count(0)
    assert violations_by_theme(signed_in) == []
    item(signed_in, failing).get_by_role("button", name="Withdraw").press("Enter")
    expect(badge).to_have_text(str(before))


def test_the_request_id_can_be_copied(signed_in: Page, holdfast: Holdfast, failing: PublishedApi):
    request_id = fail(holdfast, failing)
    signed_in.context.grant_permissions(["clipboard-read", "clipboard-write"])
    signed_in.goto("/failures")
    item(signed_in, failing).locator("summary").first.click()
    item(signed_in, failing).get_by_role("button", name="Copy the request ID").click()
    expect(signed_in.get_by_text("Copied")).to_be_visible()
    assert signed_in.evaluate("navigator.clipboard.readText()") == request_id


def test_without_failures_the_page_does_not_claim_that_backends_work(chromium: Browser, tmp_path: Path):
    with Holdfast(tmp_path) as own, chromium.new_context(base_url=own.publisher_url) as context:
        page = context.new_page()
        sign_in(page, own)
        page.goto("/failures")
        expect(page.get_by_role("heading", name="No failures")).to_be_visible()
        expect(page.get_by_text("doesn't prove that every backend works")).to_be_visible()
        assert violations(page) == []
        with closed_port() as url:
            api = own.publish_api(url)
            fail(own, api)
            expect(item(page, api)).to_be_visible()
