"""One rule for dialogs: changed input is discarded only after a question, and the focus never gets lost."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from backends import Backend
from browser.conftest import violations_by_theme
from holdfast.apis.wso2_wording import ADD_CERTIFICATE
from issuing import Identity
from running import Holdfast, PublishedApi

ALIASES = ("first", "second", "third")


@pytest.fixture(scope="module")
def backend(identity: Identity) -> Iterator[Backend]:
    """A backend of these tests only, because the list also has what others import for theirs."""
    with Backend(identity) as running:
        yield running


@pytest.fixture(scope="module")
def api(holdfast: Holdfast, backend: Backend, identity: Identity) -> PublishedApi:
    url = backend.url(host="127.0.0.1")
    new_api = holdfast.publish_api(url)
    for alias in ALIASES:
        holdfast.import_certificate(url, identity.pem, alias)
    return new_api


@pytest.fixture
def endpoints(signed_in: Page, api: PublishedApi) -> Page:
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    return signed_in


def test_nothing_is_shown_that_could_be_clicked_before_the_scripts_are_ready(signed_in: Page, api: PublishedApi):
    routes: list[Route] = []
    signed_in.route("**/dialog.js", lambda route: routes.append(route))  # noqa: PLW0108 - Playwright can't wrap a built-in method
    with signed_in.expect_request("**/dialog.js"):
        signed_in.goto(f"/apis/{api.id}/endpoints?certificates", wait_until="commit")
    button = signed_in.get_by_role("button", name=ADD_CERTIFICATE)
    expect(button).to_be_attached()
    assert signed_in.evaluate("performance.getEntriesByType('paint').length") == 0
    routes[0].continue_()
    button.click()
    expect(signed_in.get_by_role("dialog")).to_be_visible()


def test_changed_input_is_discarded_only_after_a_question(endpoints: Page):
    endpoints.get_by_role("button", name=ADD_CERTIFICATE).click()
    dialog = endpoints.locator("#dialog")
    question = endpoints.get_by_role("dialog", name="Discard what you entered?")
    expect(dialog).to_be_visible()
    endpoints.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    endpoints.get_by_role("button", name=ADD_CERTIFICATE).click()
    dialog.get_by_label("Alias").fill("typed")
    endpoints.keyboard.press("Escape")
    expect(question).to_be_visible()
    assert violations_by_theme(endpoints) == []
    endpoints.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(dialog.get_by_label("Alias")).to_have_value("typed")
    dialog.get_by_role("button", name="Close").click()
    question.get_by_role("button", name="Continue editing").click()
    endpoints.mouse.click(5, 5)
    question.get_by_role("button", name="Discard").click()
    expect(dialog).to_be_hidden()
    expect(endpoints.get_by_role("button", name=ADD_CERTIFICATE)).to_be_focused()


def test_after_a_deletion_the_next_row_has_the_focus_and_the_message_names_the_object(endpoints: Page):
    def offer_to_pin(route: Route) -> None:
        """Add a row to the first certificate, as if the gateway had seen meanwhile what the backend presents."""
        answer = route.fetch()
        more = "<tr><td><button>Pin certificate</button></td></tr></tbody>"
        route.fulfill(response=answer, body=answer.text().replace("</tbody>", more, 1))

    endpoints.route("**/second/delete", offer_to_pin)
    rows = endpoints.locator("#certificate-list tbody tr")
    for alias, following in (("second", "third"), ("third", "first")):
        rows.filter(has_text=alias).get_by_role("button", name="Delete certificate").click()
        endpoints.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(rows.filter(has_text=alias)).to_have_count(0)
        expect(rows.filter(has_text=following).locator(":focus")).to_have_count(1)
        expect(endpoints.locator("#notice")).to_contain_text(alias)


def test_the_focus_returns_to_a_row_that_was_replaced_before_the_dialog_opened(endpoints: Page):
    def replace_list(route: Route) -> None:
        endpoints.evaluate("document.querySelector('#certificate-list').outerHTML += ''")
        route.continue_()

    endpoints.route("**/certificates/**", replace_list)
    delete = endpoints.locator("tr").filter(has_text="first").get_by_role("button", name="Delete certificate")
    delete.click()
    expect(endpoints.get_by_role("dialog")).to_be_visible()
    endpoints.keyboard.press("Escape")
    expect(delete).to_be_focused()


def test_a_page_with_changed_input_is_left_only_after_a_question(endpoints: Page, api: PublishedApi):
    types: list[str] = []
    endpoints.on("dialog", lambda dialog: (types.append(dialog.type), dialog.dismiss()))
    endpoints.get_by_label("Production Endpoint URL").fill("https://127.0.0.1:1")
    with endpoints.expect_event("dialog"):
        endpoints.get_by_role("navigation", name="API").get_by_role("link", name="Overview").click()
    expect(endpoints).to_have_url(re.compile(f"/apis/{api.id}/endpoints"))
    assert types == ["beforeunload"]


def test_of_two_files_that_are_dropped_none_is_taken(endpoints: Page):
    endpoints.get_by_role("button", name=ADD_CERTIFICATE).click()
    endpoints.locator("certificate-drop").evaluate(
        """(zone) => {
          const dropped = new DataTransfer();
          for (const name of ["a.pem", "b.pem"]) dropped.items.add(new File(["x"], name));
          zone.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped }));
        }"""
    )
    expect(endpoints.locator("#certificate-error")).to_contain_text("You dropped 2 files")
    expect(endpoints.get_by_role("button", name="Save").last).to_be_disabled()


def test_a_message_is_not_part_of_the_address(endpoints: Page, api: PublishedApi):
    endpoints.get_by_role("checkbox", name="Sandbox Endpoint").check()
    endpoints.get_by_label("Sandbox Endpoint URL").fill("http://127.0.0.1:9")
    endpoints.locator(".page-actions").get_by_role("button", name="Save").click()
    expect(endpoints.locator("#notice")).to_contain_text(api.name)
    expect(endpoints).to_have_url(re.compile(f"/apis/{api.id}/endpoints$"))
