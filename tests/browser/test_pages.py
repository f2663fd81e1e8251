"""Every page is accessible in light and dark, on narrow screens, by keyboard and without JavaScript."""

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from backends import Backend
from browser.conftest import ENFORCED, sign_in, tab_to, violations_by_theme
from holdfast.apis.wso2_wording import ADD_CERTIFICATE, GENERAL_ENDPOINT_CONFIGURATIONS
from holdfast.services.errors import SignInRefused
from holdfast.web.notices import describe
from issuing import Identity
from running import Holdfast, PublishedApi

pytestmark = pytest.mark.long

ALIAS = "shown"


@pytest.fixture(scope="module")
def api(holdfast: Holdfast, backend: Backend, identity: Identity) -> PublishedApi:
    new_api = holdfast.publish_api(backend.url(host="127.0.0.1"), sandbox="http://127.0.0.1:9")
    holdfast.import_certificate(backend.url(host="127.0.0.1"), identity.pem, ALIAS)
    return new_api


def addresses(api: PublishedApi) -> list[str]:
    return [
        "/apis",
        "/apis?query=nothing-is-called-like-this",
        "/apis?page=99",
        "/apis/new",
        f"/apis/{api.id}",
        f"/apis/{api.id}/delete",
        f"/apis/{api.id}/lifecycle",
        f"/apis/{api.id}/endpoints",
        f"/apis/{api.id}/endpoints?certificates",
        f"/apis/{api.id}/new-certificate",
        f"/apis/{api.id}/certificates/{ALIAS}",
        f"/apis/{api.id}/certificates/{ALIAS}/replace",
        f"/apis/{api.id}/certificates/{ALIAS}/delete",
        "/nowhere",
        "/account",
        "/tokens",
        "/users",
        "/new-user",
        "/users/admin",
    ]


def test_axe_finds_nothing_on_any_page(signed_in: Page, api: PublishedApi):
    for address in addresses(api):
        signed_in.goto(address)
        dark = signed_in.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert signed_in.locator("html").get_attribute("data-bs-theme") == ("dark" if dark else "light")
        assert violations_by_theme(signed_in) == [], address


def test_switching_the_theme_changes_all_colors_immediately(signed_in: Page):
    signed_in.goto("/failures")
    colors = signed_in.evaluate(
        """() => {
          const button = document.querySelector("main .btn");
          const color = () => getComputedStyle(button).backgroundColor;
          const before = color();
          document.querySelector("[data-theme-toggle]").click();
          const colors = [before, color()];
          document.getAnimations().forEach((each) => each.finish());
          return [...colors, color()];
        }"""
    )
    before, at_once, at_rest = colors
    assert before != at_once == at_rest


def test_axe_finds_nothing_on_the_sign_in_page(page: Page):
    page.goto("/sign-in")
    assert violations_by_theme(page) == []
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text(str(SignInRefused()))
    assert violations_by_theme(page) == []


def test_axe_finds_nothing_on_any_dialog(signed_in: Page, api: PublishedApi):
    for button in (ADD_CERTIFICATE, "Certificate details", "Replace certificate", "Delete certificate"):
        signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
        signed_in.get_by_role("button", name=button).click()
        expect(signed_in.get_by_role("dialog")).to_be_visible()
        assert violations_by_theme(signed_in) == [], button


def test_axe_finds_nothing_where_errors_are_shown(signed_in: Page, api: PublishedApi, identity: Identity):
    signed_in.goto("/apis/new")
    signed_in.get_by_role("button", name="Create").click()
    expect(signed_in.locator("#name-error")).to_be_visible()
    assert violations_by_theme(signed_in) == []
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    signed_in.get_by_role("button", name=ADD_CERTIFICATE).click()
    dialog = signed_in.get_by_role("dialog")
    dialog.get_by_label("Alias").fill("a b")
    certificate = FilePayload(name="backend.pem", mimeType="", buffer=identity.pem)
    dialog.get_by_label("Certificate", exact=True).set_input_files(certificate)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator("#alias-error")).to_contain_text("Aliases can't contain")
    assert violations_by_theme(signed_in) == []


def test_no_page_is_wider_than_a_narrow_screen(signed_in: Page, api: PublishedApi):
    signed_in.set_viewport_size({"width": 320, "height": 640})
    for address in addresses(api):
        signed_in.goto(address)
        assert signed_in.evaluate("document.documentElement.scrollWidth") <= 320, address
        for tab in signed_in.locator(".tabs [aria-current]").all():
            expect(tab).to_be_in_viewport(ratio=1)
    signed_in.goto(f"/apis?query={api.name}")
    expect(signed_in.locator("[data-health]")).to_be_in_viewport(ratio=1)


def test_the_keyboard_is_enough_from_sign_in_to_the_imported_certificate(
    page: Page, holdfast: Holdfast, backend: Backend, identity: Identity
):
    api = holdfast.publish_api(backend.url(host="localhost"))
    page.goto(f"/apis/{api.id}/endpoints")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(holdfast.admin_password)
    page.keyboard.press("Enter")
    expect(page.get_by_text(GENERAL_ENDPOINT_CONFIGURATIONS)).to_be_visible()
    tab_to(page.locator("summary", has_text=GENERAL_ENDPOINT_CONFIGURATIONS))
    page.keyboard.press("Enter")
    tab_to(page.get_by_role("button", name=ADD_CERTIFICATE))
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog.get_by_label("Alias")).to_be_focused()
    page.keyboard.type("by-keyboard")
    tab_to(dialog.locator("summary", has_text="Paste PEM text instead"))
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.insert_text(identity.pem.decode())
    tab_to(dialog.get_by_role("button", name="Save"))
    page.keyboard.press("Enter")
    row = page.locator("#certificate-list").get_by_role("rowgroup").filter(has_text="by-keyboard")
    expect(row.locator(ENFORCED)).to_be_visible()
    expect(page.get_by_role("button", name=ADD_CERTIFICATE)).to_be_focused()
    holdfast.delete_certificate("by-keyboard")


def test_escape_closes_a_dialog_and_returns_the_focus(signed_in: Page, api: PublishedApi):
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    button = signed_in.get_by_role("button", name="Certificate details")
    button.click()
    expect(signed_in.get_by_role("dialog")).to_be_visible()
    signed_in.keyboard.press("Escape")
    expect(signed_in.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()


def test_a_dialog_begins_at_its_top_with_the_focus_on_its_title(signed_in: Page, api: PublishedApi):
    signed_in.set_viewport_size({"width": 390, "height": 500})
    for button in ("Certificate details", "Delete certificate", ADD_CERTIFICATE):
        signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
        signed_in.get_by_role("button", name=button).click()
        dialog = signed_in.get_by_role("dialog")
        expect(dialog.get_by_role("heading").first).to_be_focused()
        expect(dialog.get_by_role("heading").first).to_be_in_viewport()


def test_everything_except_drop_and_live_status_works_without_javascript(
    chromium: Browser, holdfast: Holdfast, backend: Backend, identity: Identity
):
    with chromium.new_context(base_url=holdfast.publisher_url, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, holdfast)
        page.goto("/apis")
        page.get_by_role("link", name="Create API").first.click()
        page.get_by_label("Name").fill("Scriptless")
        page.get_by_label("Context").fill("scriptless")
        page.get_by_label("Version").fill("1")
        page.get_by_label("Endpoint", exact=True).fill(backend.url(host="localhost"))
        page.get_by_role("button", name="Create").click()
        page.get_by_role("navigation", name="API").get_by_role("link", name="Lifecycle").click()
        page.get_by_role("button", name="Publish").click()
        page.get_by_role("navigation", name="API").get_by_role("link", name="Endpoints").click()
        page.get_by_text(GENERAL_ENDPOINT_CONFIGURATIONS).click()
        page.get_by_role("button", name=ADD_CERTIFICATE).click()
        page.get_by_label("Alias").fill("spaces are refused")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#alias-error")).to_contain_text("Aliases can't contain")
        page.get_by_label("Alias").fill("scriptless")
        certificate = FilePayload(name="backend.pem", mimeType="", buffer=identity.pem)
        page.get_by_label("Certificate", exact=True).set_input_files(certificate)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text(describe("certificate-added", "scriptless"))).to_be_visible()
        page.get_by_role("button", name="Delete certificate").click()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_text(describe("certificate-deleted", "scriptless"))).to_be_visible()


def test_search_filters_the_list_while_typing(signed_in: Page, api: PublishedApi):
    signed_in.goto("/apis")
    signed_in.get_by_role("searchbox").press_sequentially("nothing-like-this")
    expect(signed_in.get_by_role("heading", name="No APIs match")).to_be_visible()
    signed_in.get_by_role("searchbox").fill(api.name.upper())
    expect(signed_in.get_by_role("link", name=api.name, exact=True)).to_be_visible()
