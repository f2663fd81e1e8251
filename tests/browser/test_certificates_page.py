"""The page of all certificates in a real Chromium, with 1,000 of them: by keyboard, in both themes, on a phone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from browser.conftest import tab_to, violations_by_theme
from holdfast.apis.wso2_wording import ADD_CERTIFICATE, UPLOAD_CERTIFICATE
from holdfast.server.clock import utc_now
from holdfast.server.machine.directories import DATABASE_FILE
from holdfast.store.database import Store
from holdfast.store.location import Location
from holdfast.store.postgresql.location import parse_location
from holdfast.store.trust import endpoint_certificates
from issuing import DAY, issue
from running import Holdfast, PublishedApi
from store.values import make_entry

NUMBER = 1_000
PREFIX = "many-"
CA = issue(ca=True, common_name="Fabrikam Issuing CA 2")


def location_of(holdfast: Holdfast) -> Location:
    server = holdfast.environment.get("HOLDFAST_DATABASE")
    return parse_location(server, "", 1) if server else holdfast.data / DATABASE_FILE


@pytest.fixture(scope="module")
def many(holdfast: Holdfast) -> Iterator[PublishedApi]:
    """1,000 certificates of an organization, which an API uses at one of ten endpoints."""
    api = holdfast.create_api("https://many-3.example:8443")
    identities = [issue(f"host-{n}.example", by=CA, end=(3 + 7 * n) * DAY, common_name=f"host-{n}") for n in range(40)]
    now, store = utc_now(), Store(location_of(holdfast), utc_now())
    with store.write() as session:
        for number in range(NUMBER):
            endpoint = f"https://many-{number % 10}.example:8443"
            entry = make_entry(f"{PREFIX}{number:03}", identities[number % 40], endpoint=endpoint)
            entry = replace(entry, created_at=now, updated_at=now, created_by="admin")
            endpoint_certificates.insert(session, entry)
    store.close()
    yield api
    export = holdfast.rest.get("/endpoint-certificates-export", params={"format": "json", "query": PREFIX}, timeout=200)
    aliases = [entry["alias"] for entry in export.raise_for_status().json()["certificates"]]
    response = holdfast.rest.post("/endpoint-certificates/delete", json={"aliases": aliases}, timeout=200)
    response.raise_for_status()
    holdfast.delete_api(api)


def alias_links(page: Page) -> list[str]:
    return page.locator(".inventory .row-link").all_inner_texts()


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_and_nothing_is_too_wide(signed_in: Page, width: int):
    signed_in.set_viewport_size({"width": width, "height": 844})
    for path in ("/certificates", f"/certificates/{PREFIX}003", "/certificate-changes/replace?alias=many-001"):
        signed_in.goto(path)
        assert violations_by_theme(signed_in) == []
        assert signed_in.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.usefixtures("many")
def test_the_next_expiry_is_one_click_away_and_the_users_of_a_certificate_two(signed_in: Page):
    signed_in.goto("/")
    signed_in.get_by_role("link", name="Certificates", exact=True).click()
    expect(signed_in.get_by_role("columnheader", name="Expires")).to_have_attribute("aria-sort", "ascending")
    first = signed_in.locator(".inventory .row-link").first
    first.click()
    panel = signed_in.get_by_role("dialog")
    expect(panel.get_by_role("heading", level=2)).to_have_text(first.inner_text())
    expect(panel.get_by_text("Used by", exact=True)).to_be_visible()
    expect(panel.get_by_role("img", name="was issued by Fabrikam Issuing CA 2")).to_be_visible()


@pytest.mark.usefixtures("many")
def test_a_search_filters_while_typing_and_pages_lead_on(signed_in: Page):
    signed_in.goto("/certificates?sort=alias")
    signed_in.get_by_role("searchbox").fill("many-77")
    expect(signed_in.locator(".inventory .row-link")).to_have_count(10)
    signed_in.goto("/certificates?query=many-&sort=alias")
    before = alias_links(signed_in)
    pager = signed_in.get_by_role("navigation", name="Pages of certificates")
    pager.get_by_role("link", name="Next").click()
    expect(pager.get_by_role("link", name="Previous")).to_be_visible()
    assert not set(before) & set(alias_links(signed_in))
    pager.get_by_role("link", name="Previous").click()
    expect(signed_in.locator(".inventory .row-link").first).to_have_text(before[0])


@pytest.mark.usefixtures("many")
def test_certificates_are_examined_and_deleted_with_the_keyboard(signed_in: Page, holdfast: Holdfast):
    signed_in.goto("/certificates?query=many-99&sort=-alias")
    signed_in.locator(".inventory .row-link").first.focus()
    signed_in.keyboard.press("Enter")
    panel = signed_in.get_by_role("dialog")
    expect(panel.get_by_role("heading", level=2)).to_have_text("many-999")
    signed_in.keyboard.press("Escape")
    expect(signed_in.locator(".inventory .row-link").first).to_be_focused()
    signed_in.keyboard.press("Shift+Tab")
    signed_in.keyboard.press("Space")
    expect(signed_in.get_by_label("Select many-999")).to_be_checked()
    signed_in.get_by_role("button", name="Delete selected").focus()
    signed_in.keyboard.press("Enter")
    question = signed_in.get_by_role("dialog")
    expect(question.get_by_role("heading", level=2)).to_have_text("Delete 1 certificate")
    question.get_by_role("button", name="Delete", exact=True).focus()
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("status").filter(has_text="many-999 deleted")).to_be_visible()
    entries = holdfast.rest.get("/removed-endpoint-certificates").json()["list"]
    (removed_id,) = [entry["id"] for entry in entries if entry["alias"] == "many-999"]
    assert holdfast.rest.post(f"/removed-endpoint-certificates/{removed_id}/restore").status_code in (200, 400)


def test_a_certificate_is_added_examined_and_deleted_as_the_described_page_says_with_the_keyboard_only(
    signed_in: Page, many: PublishedApi, tmp_path: Path
):
    page, keys = signed_in, signed_in.keyboard
    page.goto(f"/apis?query={many.name}")
    tab_to(page.get_by_role("link", name=many.name), 60)
    keys.press("Enter")
    tab_to(page.get_by_role("link", name="Endpoints", exact=True), 60)
    keys.press("Enter")
    tab_to(page.locator("summary", has_text="General Endpoint Configurations"), 60)
    keys.press("Enter")
    add = page.get_by_role("button", name=ADD_CERTIFICATE)
    tab_to(add, 10)
    keys.press("Enter")
    dialog = page.get_by_role("dialog", name=UPLOAD_CERTIFICATE)
    tab_to(dialog.get_by_label("Alias"), 2)
    keys.type("by-keyboard")
    tab_to(dialog.get_by_label("Endpoint", exact=True), 2)
    (tmp_path / "backend.pem").write_bytes(issue("many-3.example", end=2 * DAY).pem)
    # A key that follows immediately can reach the page before Chromium begins to report file choosers.
    with page.expect_file_chooser() as chooser:
        tab_to(dialog.get_by_label("Certificate", exact=True), 2)
        keys.press("Enter")
    chooser.value.set_files(tmp_path / "backend.pem")
    expect(dialog.locator("#inspection")).to_contain_text("CN=many-3.example")
    tab_to(dialog.get_by_role("button", name="Save"), 15)
    keys.press("Enter")
    expect(dialog).to_be_hidden()
    row = page.locator(".certificate-row").filter(has_text="by-keyboard")
    expect(row).to_be_in_viewport()
    tab_to(row.get_by_role("button", name="Certificate details"), 10)
    keys.press("Enter")
    details = page.get_by_role("dialog")
    expect(details.get_by_text("Status", exact=True)).to_be_in_viewport()
    expect(details.get_by_text("CN=many-3.example").first).to_be_in_viewport()
    keys.press("Escape")
    expect(row.get_by_role("button", name="Certificate details")).to_be_focused()
    tab_to(row.get_by_role("button", name="Delete certificate"), 4)
    keys.press("Enter")
    tab_to(page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True), 6)
    keys.press("Enter")
    expect(row).to_have_count(0)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("body")).not_to_be_focused()


def test_a_new_certificate_is_in_view_at_the_end_of_a_long_list(
    signed_in: Page, holdfast: Holdfast, many: PublishedApi
):
    signed_in.set_viewport_size({"width": 1280, "height": 800})
    signed_in.goto(f"/apis/{many.id}/endpoints")
    signed_in.locator("summary", has_text="General Endpoint Configurations").click()
    signed_in.get_by_role("button", name=ADD_CERTIFICATE).click()
    dialog = signed_in.get_by_role("dialog", name=UPLOAD_CERTIFICATE)
    pem = issue("many-3.example", end=900 * DAY).pem
    dialog.get_by_label("Certificate", exact=True).set_input_files(
        FilePayload(name="backend.pem", mimeType="application/x-pem-file", buffer=pem)
    )
    expect(dialog.locator("#inspection")).to_contain_text("CN=many-3.example")
    dialog.get_by_label("Alias").fill("last-one")
    dialog.get_by_role("button", name="Save").click()
    row = signed_in.locator(".certificate-row").filter(has_text="last-one")
    expect(row.locator(".enforcement")).to_have_text("Takes effect when the API is published")
    expect(row).to_be_in_viewport(ratio=1)
    holdfast.rest.delete("/endpoint-certificates/last-one").raise_for_status()
