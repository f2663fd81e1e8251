"""Test, fetch, replace with overlap, undo, retire and restore: from the page to the gateway."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from backends import Backend
from browser.conftest import ENFORCED, violations
from damaged import damaged_backend
from holdfast.apis.wso2_wording import ADD_CERTIFICATE, REPLACE_CERTIFICATE, UPLOAD_CERTIFICATE
from holdfast.services.probing.acceptance import STILL_PRESENTED, Result
from holdfast.web.notices import describe
from issuing import Identity, issue
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.long

ROOT = issue(ca=True, common_name="Root CA")
ISSUER = issue(by=ROOT, ca=True, common_name="Issuing CA")


def file(identity: Identity) -> FilePayload:
    return FilePayload(name="new.pem", mimeType="application/octet-stream", buffer=identity.pem)


@pytest.fixture
def own() -> Iterator[Backend]:
    """A backend with a certificate from a private CA, on a separate port."""
    with Backend(issue("localhost", by=ISSUER, common_name="backend").followed_by(ISSUER, ROOT)) as backend:
        yield backend


@pytest.fixture
def api(holdfast: Holdfast, own: Backend) -> PublishedApi:
    return holdfast.publish_api(own.url(host="localhost"))


@pytest.fixture
def endpoints(signed_in: Page, api: PublishedApi) -> Page:
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    return signed_in


def upload(endpoints: Page) -> Locator:
    endpoints.get_by_role("button", name=ADD_CERTIFICATE).click()
    return endpoints.get_by_role("dialog", name=UPLOAD_CERTIFICATE)


def row(endpoints: Page, alias: str) -> Locator:
    return endpoints.locator("#certificate-list").get_by_role("rowgroup").filter(has_text=alias)


def answers(holdfast: Holdfast, api: PublishedApi, status: int) -> bool:
    return bool(wait_until(lambda: holdfast.call(api.path).status_code == status))


def test_the_backend_is_tested_with_the_current_trust_settings(endpoints: Page):
    endpoints.get_by_role("button", name="Test against the endpoint").click()
    dialog = endpoints.get_by_role("dialog", name="Test against the endpoint")
    expect(dialog.locator("[data-result=rejected]")).to_be_visible()
    expect(dialog.get_by_role("listitem")).to_have_count(3)
    expect(dialog.get_by_role("listitem").first).to_contain_text("CN=backend")
    assert violations(endpoints) == []


def test_a_file_is_tested_without_being_saved(endpoints: Page, holdfast: Holdfast, api: PublishedApi):
    dialog = upload(endpoints)
    verdict = dialog.locator("#verdict")
    for certificate, result in ((issue("localhost"), Result.REJECTED), (ROOT, Result.BY_UPLOAD)):
        dialog.get_by_label("Certificate", exact=True).set_input_files(file(certificate))
        expect(verdict).to_have_text("")
        dialog.get_by_role("button", name="Test against the endpoint").click()
        expect(verdict.locator(f"[data-result={result}]")).to_be_visible()
    assert violations(endpoints) == []
    assert holdfast.call(api.path).status_code == 503


def test_unreadable_certificates_are_shown_with_their_position(signed_in: Page, holdfast: Holdfast):
    unreadable = b"\x31" + ROOT.der[1:]
    with damaged_backend([issue("127.0.0.1").der, unreadable, *[ROOT.der] * 20]) as url:
        api = holdfast.publish_api(url)
        signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
        signed_in.get_by_role("button", name="Test against the endpoint").click()
        dialog = signed_in.get_by_role("dialog", name="Test against the endpoint")
        expect(dialog.locator("[data-unreadable='2']")).to_contain_text("2 of 22")
        expect(dialog.locator("[data-result=rejected]")).to_be_visible()
        expect(dialog.locator("[data-beyond='2']")).to_be_visible()
        expect(dialog.get_by_role("listitem")).to_have_count(19)
        assert violations(signed_in) == []
        dialog.get_by_role("button", name="Close").click()
        dialog = upload(signed_in)
        dialog.get_by_role("button", name="Fetch from endpoint").click()
        expect(dialog.locator("#fetched [data-unreadable='2']")).to_contain_text("2 of 22")
        expect(dialog.get_by_role("radio")).to_have_count(1)
        assert violations(signed_in) == []


def test_a_presented_certificate_is_fetched_chosen_tested_and_saved(
    endpoints: Page, holdfast: Holdfast, api: PublishedApi
):
    dialog = upload(endpoints)
    dialog.get_by_label("Alias").fill("fetched")
    dialog.get_by_role("button", name="Fetch from endpoint").click()
    expect(dialog.locator("#unverified")).to_be_visible()
    expect(dialog.get_by_role("radio")).to_have_count(3)
    assert violations(endpoints) == []
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    dialog.get_by_role("radio", name="The issuing CA").check()
    dialog.get_by_role("button", name="Test against the endpoint").click()
    expect(dialog.locator(f"#verdict [data-result={Result.BY_UPLOAD}]")).to_be_visible()
    dialog.get_by_role("button", name="Save").click()
    expect(row(endpoints, "fetched").locator(ENFORCED)).to_be_visible()
    assert answers(holdfast, api, 200)
    holdfast.delete_certificate("fetched")


def test_a_replacement_overlaps_and_is_observed_undone_retired_and_restored(
    endpoints: Page, holdfast: Holdfast, api: PublishedApi, own: Backend
):
    alias = holdfast.import_certificate(own.url(host="localhost"), ISSUER.pem, "rotated")
    endpoints.reload()
    line = row(endpoints, alias)
    previous = line.locator("[data-in-use]")  # shown while the previous certificate is trusted

    def replace(by: Identity) -> None:
        line.get_by_role("button", name="Replace certificate").click()
        dialog = endpoints.get_by_role("dialog", name=REPLACE_CERTIFICATE)
        dialog.get_by_label("Certificate", exact=True).set_input_files(file(by))
        dialog.get_by_role("button", name="Save").click()
        expect(previous).to_be_visible()

    new = issue("localhost", common_name="new backend")
    line.get_by_role("button", name="Replace certificate").click()
    dialog = endpoints.get_by_role("dialog", name=REPLACE_CERTIFICATE)
    dialog.get_by_label("Certificate", exact=True).set_input_files(file(new))
    verdict, test = dialog.locator("#verdict"), dialog.get_by_role("button", name="Test against the endpoint")
    test.click()
    expect(verdict.locator(f"[data-result={Result.ANYWAY}]")).to_contain_text(alias)
    assert violations(endpoints) == []
    dialog.get_by_role("checkbox").uncheck()
    expect(verdict).to_have_text("")
    test.click()
    expect(verdict).to_contain_text(STILL_PRESENTED)
    dialog.get_by_role("button", name="Close").click()
    endpoints.get_by_role("button", name="Discard").click()

    replace(new)
    expect(line.locator("[data-in-use=previous]")).to_be_visible()
    assert violations(endpoints) == []
    assert holdfast.call(api.path).status_code == 200

    line.get_by_role("button", name="Undo").click()
    expect(previous).to_have_count(0)
    assert answers(holdfast, api, 200)

    replace(new)
    own.present(new)
    line.get_by_role("button", name="Retire previous").click()
    dialog = endpoints.get_by_role("dialog", name=f"Retire the previous certificate of {alias}")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_visible()
    assert violations(endpoints) == []
    dialog.get_by_role("button", name="Retire", exact=True).click()
    expect(endpoints.get_by_text(describe("certificate-retired", alias))).to_be_visible()
    assert answers(holdfast, api, 200)

    endpoints.get_by_text("Removed certificates").click()
    dialog = endpoints.get_by_role("dialog", name="Removed certificates")
    expect(dialog).to_be_visible()
    assert violations(endpoints) == []
    dialog.get_by_role("listitem").filter(has_text="Retired").get_by_role("button", name="Restore").click()
    expect(previous).to_be_visible()
    holdfast.delete_certificate(alias)


def test_a_deleted_certificate_is_restored_and_the_backend_answers_again(
    endpoints: Page, holdfast: Holdfast, api: PublishedApi, own: Backend
):
    holdfast.import_certificate(own.url(host="localhost"), ROOT.pem, "deleted")
    holdfast.delete_certificate("deleted")
    assert answers(holdfast, api, 503)
    endpoints.reload()
    endpoints.get_by_text("Removed certificates: 1").click()
    endpoints.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(row(endpoints, "deleted").locator(ENFORCED)).to_be_visible()
    assert answers(holdfast, api, 200)
    holdfast.delete_certificate("deleted")
