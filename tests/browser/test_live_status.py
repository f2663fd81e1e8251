"""The live status is accurate."""

import os
import re
import signal

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from backends import Backend
from browser.conftest import ENFORCED, violations, wait_for_current_badge
from holdfast.apis.wso2_wording import UPLOAD_CERTIFICATE
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanations import EXPLANATIONS
from issuing import Identity, issue
from running import Holdfast, PublishedApi, wait_until


@pytest.fixture
def api(holdfast: Holdfast, backend: Backend) -> PublishedApi:
    return holdfast.publish_api(backend.url(host="localhost"))


def row(page: Page, api: PublishedApi, alias: str) -> Locator:
    page.goto(f"/apis/{api.id}/endpoints?certificates")
    return page.get_by_role("rowgroup").filter(has_text=alias)


def test_a_stopped_gateway_keeps_the_status_waiting_until_it_resumes(
    signed_in: Page, holdfast: Holdfast, backend: Backend, api: PublishedApi, identity: Identity
):
    first = holdfast.import_certificate(backend.url(host="localhost"), identity.pem)
    line = row(signed_in, api, first)
    expect(line.locator(ENFORCED)).to_be_visible()
    os.kill(holdfast.envoy, signal.SIGSTOP)
    try:
        files = {"certificate": ("backend.pem", issue("localhost").pem)}
        endpoint = backend.url(host="localhost")
        holdfast.rest.post("/endpoint-certificates", data={"alias": "second", "endpoint": endpoint}, files=files)
        expect(line.locator("[data-progress=waiting]")).to_be_visible()
    finally:
        os.kill(holdfast.envoy, signal.SIGCONT)
    expect(line.locator(ENFORCED)).to_be_visible()
    holdfast.delete_certificate(first)
    holdfast.delete_certificate("second")


def test_without_a_gateway_nothing_is_shown_as_enforced(
    signed_in: Page, holdfast: Holdfast, backend: Backend, api: PublishedApi, identity: Identity
):
    alias = holdfast.import_certificate(backend.url(host="localhost"), identity.pem)
    line = row(signed_in, api, alias)
    expect(line.locator(ENFORCED)).to_be_visible()
    # Envoy is back after a moment, which could be shorter than the pauses of an expectation.
    line.evaluate(
        """(row) => new MutationObserver((changes) => {
          for (const { target } of changes) row.classList.add(target.dataset.progress);
        }).observe(row, { attributeFilter: ["data-progress"], subtree: true })"""
    )
    os.kill(holdfast.envoy, signal.SIGKILL)
    expect(line).to_contain_class("no-gateway")
    expect(line.locator(ENFORCED)).to_be_visible()
    holdfast.delete_certificate(alias)


def test_a_failure_is_shown_next_to_its_endpoint_until_it_is_fixed(
    signed_in: Page, holdfast: Holdfast, identity: Identity
):
    with Backend(identity) as own:
        api = holdfast.publish_api(own.url(host="localhost"))
        signed_in.goto(f"/apis/{api.id}/endpoints")
        wait_until(lambda: holdfast.call(api.path).status_code == 503 and is_reported(holdfast, api))
        failure = signed_in.locator("[data-failure=production]")
        expect(wait_for_current_badge(signed_in, holdfast)).to_be_visible()
        expect(failure).to_contain_text(EXPLANATIONS[Cause.SELF_SIGNED_NOT_TRUSTED].sentence)
        expect(failure).to_contain_text(re.compile("self_signed_not_trusted: seen .* request ID"))
        assert violations(signed_in) == []
        # A change in a dialog is shown on the overview at once.
        signed_in.goto(f"/apis/{api.id}")
        failure.get_by_role("button", name="Import the certificate").click()
        dialog = signed_in.get_by_role("dialog", name=UPLOAD_CERTIFICATE)
        dialog.get_by_label("Alias").fill("from-overview")
        expect(dialog.get_by_role("radio")).to_be_checked()
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_be_hidden()
        trust = signed_in.locator("#endpoints-and-trust")
        expect(trust).to_contain_text("Imported: from-overview")
        expect(trust).to_contain_text("is, or was issued by, localhost")
        expect(failure).to_be_hidden()
        expect(trust.locator(ENFORCED)).to_be_visible()
        wait_for_current_badge(signed_in, holdfast)
        assert signed_in.evaluate("document.activeElement !== document.body")
        holdfast.delete_certificate("from-overview")


def is_reported(holdfast: Holdfast, api: PublishedApi) -> bool:
    return bool(holdfast.rest.get(f"/apis/{api.id}/failures").json()["count"])


def test_polling_replaces_blocked_events(signed_in: Page, holdfast: Holdfast, identity: Identity):
    def refuse(route: Route) -> None:
        route.fulfill(status=404, body="a proxy that knows no events")

    signed_in.route("**/enforcement/live", refuse)
    with Backend(identity) as own:
        api = holdfast.publish_api(own.url(host="localhost"))
        alias = holdfast.import_certificate(own.url(host="localhost"), identity.pem)
        line = row(signed_in, api, alias)
        expect(line.locator(ENFORCED)).to_be_visible()
        holdfast.change_lifecycle(api, "Demote to Created")
        expect(line.locator("[data-progress=not-served]")).to_be_visible()
        holdfast.delete_certificate(alias)
