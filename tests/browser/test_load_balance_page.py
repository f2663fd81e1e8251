"""Load balancing and failover on the Endpoints page, in WSO2's words."""

import os
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from backends import Backend
from browser.conftest import violations_by_theme
from holdfast.apis.wso2_wording import ADD_CERTIFICATE, UPLOAD_CERTIFICATE
from issuing import Issued
from running import Holdfast


@pytest.mark.parametrize("width", [390, 1280])
def test_a_group_is_configured_and_its_summary_shown(signed_in: Page, holdfast: Holdfast, width: int):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    api = holdfast.create_api("https://one.test")
    page.goto(f"/apis/{api.id}/endpoints")
    summary = page.locator("summary", has_text="Load balance and Failover Configurations")
    expect(summary).to_contain_text("Not Configured")
    summary.click()
    page.get_by_label("Group", exact=True).select_option("Failover")
    further = page.get_by_label("Further production endpoints")
    further.fill("http://two.test")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("A group can't mix http and https endpoints.")).to_be_visible()
    page.locator("summary", has_text="Load balance and Failover Configurations").click()
    further.fill("https://two.test")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(summary).to_contain_text("Failover | Production: 2")
    summary.click()
    expect(further).to_have_value("https://two.test")
    assert violations_by_theme(page) == []
    if folder := os.environ.get("PICTURES"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(folder) / f"group-{theme}-{width}.png", full_page=True)


def test_a_further_endpoint_gets_a_certificate_and_is_checked(signed_in: Page, holdfast: Holdfast, presented: Issued):
    page = signed_in
    with Backend(presented) as first, Backend(presented) as second:
        urls = [backend.url("/status/200", host="localhost") for backend in (first, second)]
        api = holdfast.publish_trusted_api(urls[0], presented.pem)
        members = {"production_endpoints": [{"url": url} for url in urls]}
        config = {"endpoint_type": "load_balance", **members}
        assert holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config}).is_success
        page.goto(f"/apis/{api.id}/endpoints?certificates")
        group = page.locator("summary", has_text="Load balance and Failover Configurations")
        group.click()
        button = page.get_by_role("button", name=f"Check {urls[1]}")
        answer = page.locator("#production-1-answer")
        button.click()
        expect(answer).to_contain_text("self_signed_not_trusted")
        page.get_by_role("button", name=ADD_CERTIFICATE).click()
        dialog = page.get_by_role("dialog", name=UPLOAD_CERTIFICATE)
        dialog.get_by_label("Endpoint").select_option(label=urls[1])
        dialog.get_by_label("Alias").fill("further")
        certificate = FilePayload(name="a.pem", mimeType="application/octet-stream", buffer=presented.pem)
        dialog.get_by_label("Certificate", exact=True).set_input_files(certificate)
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_text("further", exact=True).first).to_be_visible()
        button.click()
        expect(answer).to_contain_text("200 OK")
        assert violations_by_theme(page) == []
        if folder := os.environ.get("PICTURES"):
            for theme, width in product(("light", "dark"), (390, 1280)):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=theme)
                page.screenshot(path=Path(folder) / f"member-{theme}-{width}.png", full_page=True)
