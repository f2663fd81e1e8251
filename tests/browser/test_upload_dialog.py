"""The upload dialog explains rejections and keeps the input."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from backends import Backend
from browser.conftest import ENFORCED, violations
from holdfast.apis.wso2_wording import ADD_CERTIFICATE, REPLACE_CERTIFICATE, UPLOAD_CERTIFICATE
from holdfast.certificates.certificate import read_certificate
from holdfast.certificates.errors import PrivateKeyRefused
from holdfast.certificates.findings.finding import Code
from holdfast.certificates.validity import explain_expiry
from holdfast.server.clock import utc_now
from holdfast.web.notices import describe
from issuing import DAY, Identity, issue, truststore
from running import Holdfast, PublishedApi, wait_until


def file(content: bytes, name: str = "backend.pem") -> FilePayload:
    return FilePayload(name=name, mimeType="application/octet-stream", buffer=content)


@pytest.fixture(scope="module")
def backend(identity: Identity) -> Iterator[Backend]:
    """A backend of these tests only, because other tests leave certificates of theirs."""
    with Backend(identity) as running:
        yield running


@pytest.fixture(scope="module")
def api(holdfast: Holdfast, backend: Backend) -> PublishedApi:
    return holdfast.publish_api(
        backend.url(host="localhost"), sandbox=backend.url(host="localhost").replace("https", "http")
    )


@pytest.fixture
def dialog(signed_in: Page, api: PublishedApi) -> Locator:
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    signed_in.get_by_role("button", name=ADD_CERTIFICATE).click()
    return signed_in.get_by_role("dialog", name=UPLOAD_CERTIFICATE)


@pytest.fixture
def imported_alias(holdfast: Holdfast, backend: Backend, identity: Identity) -> Iterator[str]:
    alias = holdfast.import_certificate(backend.url(host="localhost"), identity.pem)
    yield alias
    holdfast.delete_certificate(alias)


def fill(dialog: Locator, alias: str, content: bytes) -> None:
    dialog.get_by_label("Alias").fill(alias)
    dialog.get_by_label("Certificate", exact=True).set_input_files(file(content))


def skip_inspection(dialog: Locator) -> None:
    """Don't inspect files, as if they were saved before the inspection has ended."""
    dialog.page.route("**/certificates/inspect", lambda route: route.fulfill(status=204))


def save(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Save").click()


def test_a_rejected_file_is_explained_next_to_it_and_the_input_is_kept(dialog: Locator, identity: Identity):
    skip_inspection(dialog)
    fill(dialog, "kept", identity.pem + identity.key_pem)
    save(dialog)
    expect(dialog.locator("#certificate-error")).to_contain_text(str(PrivateKeyRefused(2, 2)))
    expect(dialog.get_by_label("Certificate", exact=True)).to_be_focused()
    expect(dialog.get_by_label("Alias")).to_have_value("kept")
    expect(dialog.get_by_text("backend.pem")).to_be_visible()
    assert dialog.get_by_label("Certificate", exact=True).evaluate("(input) => input.files.length") == 1


def test_a_file_that_inspection_rejects_cannot_be_saved_until_it_changes(dialog: Locator, identity: Identity):
    save_button = dialog.get_by_role("button", name="Save")
    reason = dialog.locator("#missing")
    choose = dialog.get_by_label("Certificate", exact=True)
    choose.set_input_files(file(identity.pem + identity.key_pem))
    expect(reason).to_have_text("To save, add an alias. Block 2 of 2 is a private key.")
    dialog.get_by_label("Alias").fill("free")
    expect(reason).to_have_text("Block 2 of 2 is a private key.")
    expect(save_button).to_be_disabled()
    assert violations(dialog.page) == []
    choose.set_input_files(file(identity.pem))
    expect(save_button).to_be_enabled()
    expect(reason).to_be_empty()
    expired = issue("localhost", start=-9 * DAY, end=-2 * DAY)
    choose.set_input_files(file(expired.pem + identity.pem))  # one of them can be used
    expect(dialog.locator("#inspection")).to_contain_text("Expired")
    expect(save_button).to_be_enabled()
    choose.set_input_files(file(expired.pem))
    expect(reason).to_contain_text("The certificate expired on")
    expect(save_button).to_be_disabled()
    skip_inspection(dialog)
    choose.set_input_files(file(b"no certificate"))  # not known to be unusable
    expect(save_button).to_be_enabled()


def test_a_file_is_shown_with_its_findings_before_it_is_saved(dialog: Locator, identity: Identity):
    choose = dialog.get_by_label("Certificate", exact=True)
    choose.set_input_files(file(identity.pem + issue("other.test", end=9 * DAY).pem))
    inspection = dialog.locator("#inspection")
    expect(inspection).to_contain_text("CN=localhost")
    for code in (Code.NAME_MISMATCH, Code.EXPIRING):
        expect(inspection.get_by_role("link", name=code, exact=True)).to_be_visible()
    assert violations(dialog.page) == []
    choose.set_input_files(file(b"no certificate"))
    expect(inspection).to_contain_text("Choose a PEM file")
    expect(inspection).not_to_contain_text("CN=localhost")


def test_a_certificate_that_is_already_trusted_is_reported_before_it_is_saved(
    dialog: Locator, imported_alias: str, identity: Identity
):
    fill(dialog, "again", identity.pem)
    finding = dialog.locator(".finding").filter(has=dialog.page.get_by_role("link", name=Code.ALREADY_TRUSTED))
    expect(finding).to_contain_text(imported_alias)
    assert violations(dialog.page) == []


def test_a_truststore_asks_for_its_password_only_when_it_needs_one(
    dialog: Locator, holdfast: Holdfast, signed_in: Page, identity: Identity
):
    password = dialog.get_by_label("File password")
    dialog.get_by_label("Alias").fill("store")
    choose = dialog.get_by_label("Certificate", exact=True)
    choose.set_input_files(file(identity.pem))
    expect(dialog.locator("#inspection")).to_contain_text("CN=localhost")
    expect(password).to_be_hidden()
    choose.set_input_files(file(truststore("s3cret", identity), "store.p12"))
    expect(password).to_be_visible()
    expect(dialog.locator("#inspection")).to_contain_text("Enter its password")
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    expect(dialog.locator("#missing")).to_have_text("The PKCS#12 file is password-protected.")
    assert violations(dialog.page) == []
    password.press_sequentially("s3cret")
    expect(dialog.locator("#inspection")).to_contain_text("CN=localhost")
    save(dialog)
    expect(signed_in.get_by_role("rowgroup").filter(has_text="store").locator(ENFORCED)).to_be_visible()
    holdfast.delete_certificate("store")


def test_an_existing_alias_is_rejected_next_to_the_alias(dialog: Locator, imported_alias: str, identity: Identity):
    fill(dialog, imported_alias, identity.pem)
    expect(dialog.locator("#alias-error")).to_contain_text("already exists")  # before it is saved
    save(dialog)
    expect(dialog.get_by_label("Alias")).to_be_focused()
    expect(dialog.locator("#alias-error")).to_contain_text("already exists")
    expect(dialog.get_by_label("Alias")).to_have_attribute("aria-invalid", "true")


def test_a_corrected_upload_is_accepted(dialog: Locator, holdfast: Holdfast, signed_in: Page, identity: Identity):
    fill(dialog, "no spaces here", identity.pem)
    save(dialog)
    expect(dialog.locator("#alias-error")).to_contain_text("Aliases can't contain")
    dialog.get_by_label("Alias").fill("corrected")
    expect(dialog.locator("#alias-error")).to_be_hidden()
    save(dialog)
    expect(dialog).to_be_hidden()
    expect(signed_in.get_by_text("corrected", exact=True)).to_be_visible()
    holdfast.delete_certificate("corrected")


def test_an_expired_certificate_is_rejected_with_its_date(dialog: Locator):
    skip_inspection(dialog)
    old = issue("localhost", start=-9 * DAY, end=-2 * DAY)
    fill(dialog, "old", old.pem)
    save(dialog)
    # The script writes the time in the reader's time zone.
    end = explain_expiry([read_certificate(old.der)], utc_now()).partition("UTC")[2]
    expect(dialog.locator("#certificate-error")).to_contain_text(end)


def test_an_http_endpoint_is_rejected_with_the_reason(dialog: Locator, backend: Backend, identity: Identity):
    dialog.get_by_label("Endpoint").select_option(backend.url(host="localhost").replace("https", "http"))
    fill(dialog, "plain", identity.pem)
    save(dialog)
    expect(dialog.locator("#endpoint-error")).to_contain_text("is an http endpoint")


def test_pem_can_be_pasted_into_the_text_field(
    dialog: Locator, holdfast: Holdfast, signed_in: Page, identity: Identity
):
    dialog.get_by_label("Alias").fill("pasted")
    dialog.get_by_text("Paste PEM text instead").click()
    dialog.get_by_label("PEM text").fill(identity.pem.decode())
    save(dialog)
    enforcement = signed_in.locator(".certificate-row", has_text="pasted").locator(ENFORCED)
    expect(enforcement).to_have_text("Enforced on 1 gateway")
    lines = enforcement.evaluate("(element) => element.offsetHeight / parseFloat(getComputedStyle(element).lineHeight)")
    assert round(lines) == 1
    holdfast.delete_certificate("pasted")


def test_pem_can_be_pasted_onto_the_drop_zone(dialog: Locator, identity: Identity):
    dialog.get_by_label("Certificate", exact=True).evaluate(
        """(input, text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            input.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }""",
        identity.pem.decode(),
    )
    expect(dialog.get_by_text("pasted.pem")).to_be_visible()


def test_the_alias_is_limited_to_45_characters(dialog: Locator):
    dialog.get_by_label("Alias").press_sequentially("a" * 50)
    expect(dialog.get_by_label("Alias")).to_have_value("a" * 45)


def test_every_certificate_of_a_file_is_shown_with_its_findings(
    signed_in: Page, holdfast: Holdfast, backend: Backend, api: PublishedApi, identity: Identity
):
    old = issue("localhost", start=-9 * DAY, end=-2 * DAY)
    alias = holdfast.import_certificate(backend.url(host="localhost"), identity.pem + old.pem)
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    signed_in.get_by_role("rowgroup").filter(has_text=alias).get_by_role("button", name="Certificate details").click()
    details = signed_in.get_by_role("dialog")
    expect(details.get_by_role("heading", name="Certificate 2 of 2")).to_be_visible()
    expect(details.get_by_role("link", name=Code.EXPIRED, exact=True)).to_be_visible()
    holdfast.delete_certificate(alias)


def test_a_certificate_can_be_replaced(signed_in: Page, holdfast: Holdfast, api: PublishedApi, imported_alias: str):
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    row = signed_in.get_by_role("rowgroup").filter(has_text=imported_alias)
    expect(row.locator(ENFORCED)).to_be_visible()
    row.get_by_role("button", name="Replace certificate").click()
    dialog = signed_in.get_by_role("dialog", name=REPLACE_CERTIFICATE)
    dialog.get_by_label("Certificate", exact=True).set_input_files(file(issue("localhost", end=5 * DAY).pem))
    dialog.get_by_label("Keep trusting the old certificate").uncheck()
    save(dialog)
    expect(signed_in.get_by_text(describe("certificate-replaced", imported_alias))).to_be_visible()
    expect(row).to_contain_text("Expiring")
    wait_until(lambda: holdfast.call(f"{api.path}/x").status_code == 503)


def test_a_request_that_is_too_large_is_explained_and_the_input_is_kept(dialog: Locator):
    fill(dialog, "kept", bytes(2_200_000))
    expect(dialog.locator("#inspection")).to_contain_text("2048 KiB")
    save(dialog)
    expect(dialog.locator(".dialog-body > [role=alert]")).to_be_visible()
    expect(dialog.get_by_label("Alias")).to_have_value("kept")
    assert violations(dialog.page) == []
