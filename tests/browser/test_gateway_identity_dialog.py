"""The section and dialogs of gateway identities, with and without JavaScript."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from backends import Backend
from browser.conftest import ENFORCED, sign_in, violations
from issuing import CLIENTS_ONLY, Identity, answer, identity_file, issue
from running import Holdfast, PublishedApi, wait_until

CA = issue(ca=True, common_name="client CA")


@pytest.fixture
def mutual(identity: Identity) -> Iterator[Backend]:
    with Backend(identity, client_ca=CA) as running:
        yield running


@pytest.fixture
def api(holdfast: Holdfast, mutual: Backend, identity: Identity) -> PublishedApi:
    return holdfast.publish_trusted_api(mutual.url(host="localhost"), identity.pem)


def presented_by(holdfast: Holdfast, api: PublishedApi) -> str:
    return wait_until(lambda: (response := holdfast.call(api.path)).is_success and response.json()["client"])


def test_a_gateway_identity_is_imported_requested_signed_and_removed(
    signed_in: Page, holdfast: Holdfast, api: PublishedApi
):
    own = issue(common_name="gateway", by=CA, purpose=CLIENTS_ONLY)
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    section = signed_in.get_by_role("region", name="Gateway identity")
    expect(section.locator("[data-state=none]")).to_be_visible()
    assert violations(signed_in) == []

    section.get_by_role("button", name="Import key and certificate").click()
    dialog = signed_in.get_by_role("dialog")
    file = {"name": "gateway.p12", "mimeType": "application/x-pkcs12", "buffer": identity_file("geheim", own)}
    dialog.get_by_label("Key and certificate").set_input_files(file)  # type: ignore[arg-type]
    dialog.get_by_role("button", name="Import").click()
    expect(dialog.get_by_label("File password")).to_be_focused()
    expect(dialog).to_contain_text("password-protected")
    assert violations(signed_in) == []
    dialog.get_by_label("File password").fill("geheim")
    dialog.get_by_role("button", name="Import").click()
    expect(dialog).to_be_hidden()
    expect(section).to_contain_text("CN=gateway")
    expect(section.locator(ENFORCED)).to_be_visible()
    assert "PRIVATE" not in signed_in.content()
    assert presented_by(holdfast, api) == "gateway"

    section.get_by_role("button", name="Create signing request").click()
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_label("Common name")).to_be_focused()
    dialog.get_by_label("Common name").fill("renewed")
    dialog.get_by_role("button", name="Create").click()
    request = dialog.get_by_label("Request in PEM")
    expect(dialog.get_by_role("heading")).to_be_focused()
    assert violations(signed_in) == []
    identity_ = answer(request.inner_text(), CA)
    dialog.get_by_role("button", name="Close").click()
    expect(section.locator("[data-state=pending]")).to_be_visible()
    assert presented_by(holdfast, api) == "gateway"
    section.get_by_role("button", name="Import signed certificate").click()
    pem = {"name": "answer.pem", "mimeType": "text/plain", "buffer": identity_.pem}
    dialog.get_by_label("Signed certificate").set_input_files(pem)  # type: ignore[arg-type]
    dialog.get_by_role("button", name="Import").click()
    expect(dialog).to_be_hidden()
    expect(section).to_contain_text("CN=renewed")
    assert violations(signed_in) == []

    section.get_by_role("button", name="Remove").click()
    expect(dialog).to_contain_text(api.name)
    assert violations(signed_in) == []
    dialog.get_by_role("button", name="Remove").click()
    expect(section.locator("[data-state=none]")).to_be_visible()


def test_gateway_identities_work_without_javascript(chromium: Browser, holdfast: Holdfast, api: PublishedApi):
    own = issue(common_name="plain", by=CA)
    context = chromium.new_context(base_url=holdfast.publisher_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, holdfast)
    page.goto(f"/apis/{api.id}/endpoints?certificates")
    page.get_by_role("button", name="Import key and certificate").click()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Choose a file")).to_be_visible()
    file = {"name": "own.pem", "mimeType": "text/plain", "buffer": own.pem + own.key_pem}
    page.get_by_label("Key and certificate").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("CN=plain")).to_be_visible()
    page.get_by_role("button", name="Create signing request").click()
    page.get_by_label("Common name").fill("asked")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("button", name="Show request").click()
    expect(page.get_by_text("BEGIN CERTIFICATE REQUEST")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "request.csr"
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Discard request").click()
    page.get_by_role("button", name="Discard", exact=True).click()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("[data-identity][data-state=none]")).to_be_visible()
    context.close()
