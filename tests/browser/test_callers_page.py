"""The overview of an API shows who can call it, and how."""

import pytest
from playwright.sync_api import Page, expect

from backends import Backend
from browser.conftest import ENFORCED, violations_by_theme
from issuing import DAY, Identity, issue
from running import Holdfast, PublishedApi


@pytest.fixture
def api(holdfast: Holdfast, backend: Backend, identity: Identity) -> PublishedApi:
    del identity
    return holdfast.publish_api(backend.url(host="127.0.0.1"), sandbox="http://127.0.0.1:9")


def who(page: Page, api: PublishedApi):
    page.goto(f"/apis/{api.id}")
    return page.locator("section").filter(has=page.get_by_role("heading", name="Access"))


def test_an_open_api_can_be_called_by_anyone_including_over_tls(signed_in: Page, holdfast: Holdfast, api: PublishedApi):
    expect(who(signed_in, api).locator("[data-accepted=anyone]")).to_be_visible()
    expect(signed_in.get_by_text(f"curl {holdfast.gateway_url}{api.path}/", exact=True)).to_be_visible()
    host, port = holdfast.tls_address(sandbox=True)
    expect(signed_in.get_by_text(f"curl https://{host}:{port}{api.path}/", exact=True)).to_be_visible()


def test_a_protected_api_lists_accepted_certificates_with_their_validity(
    signed_in: Page, holdfast: Holdfast, api: PublishedApi
):
    holdfast.let_call(api, issue(common_name="a partner with a long name, Ltd.").pem, "partner")
    holdfast.let_call(api, issue(common_name="ends-soon", end=3 * DAY).pem, "ends-soon")
    holdfast.let_call(api, issue(common_name="later", start=DAY).pem, "begins-later")
    section = who(signed_in, api)
    expect(section.locator("[data-accepted='2']")).to_be_visible()
    expect(section.locator(ENFORCED)).to_be_visible()
    for alias, status in (("partner", "Active"), ("ends-soon", "Expiring"), ("begins-later", "Not yet valid")):
        expect(section.locator(".list-group-item").filter(has_text=alias)).to_contain_text(status)
    host, port = holdfast.tls_address()
    command = f"curl --cert caller.pem --key caller.key https://{host}:{port}{api.path}/"
    expect(signed_in.get_by_text(command, exact=True)).to_be_visible()
    expect(signed_in.get_by_text(f"curl {holdfast.gateway_url}{api.path}/", exact=True)).to_have_count(0)
    for width in (1200, 320):
        signed_in.set_viewport_size({"width": width, "height": 900})
        assert violations_by_theme(signed_in) == []
        assert signed_in.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_an_upload_chooses_the_environment_and_the_page_shows_it(
    signed_in: Page, holdfast: Holdfast, api: PublishedApi
):
    for environment in ("both", "production", "sandbox"):
        signed_in.goto(f"/apis/{api.id}/callers")
        signed_in.get_by_role("button", name="Add certificate").click()
        dialog = signed_in.get_by_role("dialog")
        dialog.get_by_label("Alias").fill(environment)
        dialog.get_by_label("Accepted in").select_option(environment)
        file = {"name": "a.pem", "mimeType": "", "buffer": issue(common_name=environment).pem}
        dialog.locator("input[type=file]").set_input_files(files=[file])
        if environment == "sandbox":
            assert violations_by_theme(signed_in) == []
        dialog.get_by_role("button", name="Save").click()
        row = signed_in.get_by_role("row").filter(has=signed_in.locator(".alias", has_text=environment))
        expect(row).to_be_visible()
        cell = row.locator("[data-part=environment]")
        if environment == "both":
            expect(cell).to_have_count(0)
        else:
            expect(cell).to_contain_text(environment.title())
    entries = holdfast.rest.get(f"/apis/{api.id}/client-certificates").json()["certificates"]
    assert {entry["alias"]: entry["keyType"] for entry in entries} == {
        "both": None, "production": "PRODUCTION", "sandbox": "SANDBOX"
    }  # fmt: skip
    for width in (1280, 390):
        signed_in.set_viewport_size({"width": width, "height": 900})
        assert violations_by_theme(signed_in) == []
        assert signed_in.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_page_updates_when_no_certificate_is_accepted(signed_in: Page, holdfast: Holdfast, api: PublishedApi):
    alias = holdfast.let_call(api, issue(common_name="partner").pem)
    expect(who(signed_in, api).locator("[data-accepted='1']")).to_be_visible()
    holdfast.let_call_no_more(api, alias)
    expect(who(signed_in, api).locator("[data-accepted='0']")).to_be_visible()
