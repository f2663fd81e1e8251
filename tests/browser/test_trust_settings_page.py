"""Trust settings: their effect is described and changed, and exceptions appear on every page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from backends import Backend
from browser.conftest import ENFORCED, violations, violations_by_theme
from holdfast.certificates.findings.finding import Code
from issuing import DAY, issue, revoke
from revoking import write_crl
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def own() -> Iterator[Backend]:
    """A separate backend whose certificate is not imported."""
    with Backend(issue("other.example")) as backend:
        yield backend


@pytest.fixture
def api(holdfast: Holdfast, own: Backend) -> PublishedApi:
    return holdfast.publish_api(own.url(host="localhost"))


@pytest.fixture
def endpoints(signed_in: Page, api: PublishedApi) -> Page:
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    return signed_in


def test_the_effect_is_described_before_and_after_saving(endpoints: Page):
    section = endpoints.get_by_role("region", name="Trust settings")
    effect = section.get_by_role("listitem").first
    expect(effect).to_contain_text("localhost")
    endpoints.get_by_role("button", name="Change trust settings").click()
    dialog = endpoints.get_by_role("dialog", name="Trust settings")
    expect(dialog).to_be_visible()
    assert violations(endpoints) == []
    dialog.get_by_label("Names").fill("other.example\n192.0.2.1")
    for name in ("other.example", "192.0.2.1"):
        expect(dialog.locator("#effect")).to_contain_text(name)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).not_to_be_visible()
    for name in ("other.example", "192.0.2.1"):
        expect(effect).to_contain_text(name)
    expect(effect).not_to_contain_text("localhost")
    expect(section.locator(ENFORCED)).to_be_visible()


def test_an_invalid_value_is_explained_and_the_input_is_kept(endpoints: Page):
    endpoints.get_by_role("button", name="Change trust settings").click()
    dialog = endpoints.get_by_role("dialog", name="Trust settings")
    dialog.get_by_label("Names").fill("two words?")
    dialog.get_by_label("Skip the host name check").click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator("#names-error")).to_contain_text("'words?'")
    expect(dialog.locator("#anyName-error")).not_to_be_empty()
    expect(dialog.get_by_label("Names")).to_have_value("two words?")


def test_crls_are_checked_before_they_are_saved(endpoints: Page):
    endpoints.get_by_role("button", name="Change trust settings").click()
    dialog = endpoints.get_by_role("dialog", name="Trust settings")
    dialog.get_by_text("Revocation", exact=True).click()
    root = issue(ca=True, common_name="Root")
    for crl, code in ((revoke(root, end=-DAY), Code.CRL_EXPIRED), (write_crl(root, end=None), Code.CRL_WITHOUT_END)):
        dialog.get_by_label("CRLs").set_input_files({"name": "a.crl", "mimeType": "", "buffer": crl})
        expect(dialog.locator("#effect .finding").first).to_contain_text("CN=Root")
        assert violations(endpoints) == []
        dialog.get_by_role("button", name="Save").click()
        if code is Code.CRL_EXPIRED:
            expect(dialog.locator("#crls-error")).to_contain_text("CN=Root")
    expect(dialog).not_to_be_visible()
    section = endpoints.get_by_role("region", name="Trust settings")
    expect(section.get_by_role("link", name=Code.CRL_WITHOUT_END, exact=True)).to_be_visible()


def test_an_exception_is_shown_on_every_page_until_it_ends(endpoints: Page, holdfast: Holdfast, api: PublishedApi):
    endpoints.get_by_role("button", name="Turn off verification").click()
    dialog = endpoints.get_by_role("dialog", name="Turn off verification")
    expect(dialog.get_by_role("heading")).to_be_focused()
    dialog.get_by_role("button", name="Turn off verification").click()
    expect(dialog.locator("#reason-error")).to_contain_text("10 to 500")
    assert violations(endpoints) == []
    reason = "the backend's team renews it today"
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_label("Duration").select_option("8 hours")
    dialog.get_by_role("button", name="Turn off verification").click()
    banner = endpoints.locator("#exceptions")
    expect(banner.locator("[data-unverified]")).to_have_count(1)
    expect(endpoints.locator("[data-progress=unverified]")).to_be_visible()
    assert holdfast.call(api.path).status_code == 200
    assert violations(endpoints) == []
    endpoints.goto("/apis")
    banner.get_by_role("link", name="Review").click()
    row = endpoints.locator("main [data-unverified]")
    expect(row).to_contain_text(reason)
    expect(row).to_contain_text("admin")
    expect(row.get_by_role("link", name=api.name)).to_be_visible()
    assert violations_by_theme(endpoints) == []
    endpoints.goto(f"/apis/{api.id}/endpoints?certificates")
    endpoints.get_by_role("button", name="Turn on verification").click()
    expect(banner).to_have_text("")
    assert wait_until(lambda: holdfast.call(api.path).status_code == 503)


def test_the_form_is_also_a_separate_page(signed_in: Page, api: PublishedApi):
    signed_in.goto(f"/apis/{api.id}/trust/production")
    signed_in.get_by_label("Server name (SNI)").fill("asked.internal")
    signed_in.get_by_role("button", name="Save").click()
    expect(signed_in.get_by_role("region", name="Trust settings")).to_contain_text("sends SNI asked.internal")
