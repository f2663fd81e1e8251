"""
The steps of WSO2's page "Manage Endpoint Certificates" work with the names that it uses.

The names are written out here: the other tests follow `wso2_wording`, this one is what it must match.
"""

import re
from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from backends import Backend
from browser.conftest import ENFORCED, sign_in
from holdfast.web.notices import describe
from issuing import Identity
from running import Holdfast, refusal, wait_until


def drop(page: Page, zone: Locator, name: str, content: bytes) -> None:
    """Drop a file like a user does: enter, move over, drop."""
    data = page.evaluate_handle(
        """([name, text]) => {
            const data = new DataTransfer();
            data.items.add(new File([text], name, { type: "application/x-x509-ca-cert" }));
            return data;
        }""",
        [name, content.decode()],
    )
    for event in ("dragenter", "dragover", "drop"):
        zone.dispatch_event(event, {"dataTransfer": data})


@pytest.fixture
def backend(identity: Identity) -> Iterator[Backend]:
    """A backend that no other test has made trusted."""
    with Backend(identity) as running:
        yield running


def call(holdfast: Holdfast) -> httpx2.Response:
    return holdfast.call("/described/1.0.0/menu")


def test_wso2s_steps_to_manage_endpoint_certificates_work(
    page: Page, holdfast: Holdfast, backend: Backend, identity: Identity
):
    # 1. Sign in to the API Publisher.
    sign_in(page, holdfast)

    # 2. Create a new API.
    page.get_by_role("link", name="APIs", exact=True).click()
    page.get_by_role("link", name="Create API").first.click()
    page.get_by_label("Name").fill("FullApi")
    page.get_by_label("Context").fill("/described")
    page.get_by_label("Version").fill("1.0.0")
    page.get_by_label("Endpoint", exact=True).fill(backend.url("/base", host="localhost"))
    page.get_by_role("button", name="Create").click()
    menu = page.get_by_role("navigation", name="API")
    menu.get_by_role("link", name="Lifecycle").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text(describe("lifecycle-published", "FullApi 1.0.0"))).to_be_visible()
    wait_until(lambda: call(holdfast).status_code == 503)
    assert refusal(call(holdfast)) == "503 backend_not_trusted"

    # 3. Click Endpoints and click General Endpoint Configuration to expand that section.
    menu.get_by_role("link", name="Endpoints").click()
    general = page.get_by_text("General Endpoint Configuration")
    expect(page.get_by_text("Certificates: 0", exact=True)).to_be_visible()
    # The diagnosis of the failed call arrives live, and moves what is below it.
    expect(page.locator("[data-failure=production] [data-part=difference]")).not_to_be_empty()
    general.click()
    expect(page.get_by_text("No certificates yet")).to_be_visible()

    # 4. Click + Add Certificate in the Certificates section. The Upload Certificate dialog box appears.
    page.get_by_role("button", name="Add Certificate").click()
    dialog = page.get_by_role("dialog", name="Upload Certificate")
    save = dialog.get_by_role("button", name="Save")
    expect(save).to_be_disabled()
    dialog.get_by_label("Alias").fill("described-backend")
    dialog.get_by_label("Endpoint").select_option(backend.url("/base", host="localhost"))
    expect(save).to_be_disabled()
    drop(page, dialog.get_by_text("Click or drag the certificate file to upload."), "backend.crt", identity.pem)
    expect(dialog.get_by_text("backend.crt")).to_be_visible()
    save.click()

    # The uploaded certificate will be displayed.
    expect(dialog).to_be_hidden()
    expect(page.get_by_text(describe("certificate-added", "described-backend"))).to_be_visible()
    expect(page.get_by_text("Certificates: 1", exact=True)).to_be_visible()
    row = page.get_by_role("rowgroup").filter(has_text="described-backend")
    expect(row).to_contain_text(backend.url("/base", host="localhost"))
    expect(row).to_contain_text("Active")
    expect(row.locator(ENFORCED)).to_have_text(re.compile(r"\b1\b"))
    response = call(holdfast)
    assert (response.status_code, response.json()["path"]) == (200, "/base/menu")

    # Check Certificate Information: status and subject DN.
    row.get_by_role("button", name="Certificate details").click()
    details = page.get_by_role("dialog", name="Details of described-backend")
    for label in (
        "Status",
        "Subject",
        "Issuer",
        "Serial number",
        "Valid from",
        "Valid to",
        "Subject alternative names",
        "SHA-256 fingerprint",
        "Key",
        "Signature algorithm",
        "Version",
    ):
        expect(details.get_by_text(label, exact=True)).to_be_visible()
    expect(details.get_by_text("CN=localhost", exact=True)).to_be_visible()
    expect(details.get_by_text(re.compile(r"\(36\d days left\)"))).to_be_visible()
    details.get_by_role("button", name="Close").click()

    # Delete a certificate.
    row.get_by_role("button", name="Delete certificate").click()
    question = page.get_by_role("dialog", name="Delete described-backend")
    expect(question.get_by_text("Are you sure you want to delete described-backend?")).to_be_visible()
    expect(question.get_by_text("FullApi 1.0.0")).to_be_visible()
    question.get_by_role("button", name="Delete").click()
    expect(page.get_by_text(describe("certificate-deleted", "described-backend"))).to_be_visible()
    expect(page.get_by_text("No certificates yet")).to_be_visible()
    wait_until(lambda: call(holdfast).status_code == 503)
    assert refusal(call(holdfast)) == "503 backend_not_trusted"

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
