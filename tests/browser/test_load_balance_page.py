"""Load balancing and failover on the Endpoints page, in WSO2's words."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from backends import Backend
from browser.conftest import THEMES, violations_by_theme
from holdfast.apis.wso2_wording import ADD_CERTIFICATE, UPLOAD_CERTIFICATE
from issuing import Identity, issue
from running import Holdfast, wait_until


@pytest.mark.parametrize("width", [390, 1280])
def test_a_group_is_configured_and_its_summary_shown(signed_in: Page, holdfast: Holdfast, width: int):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    api = holdfast.create_api("https://one.test")
    page.goto(f"/apis/{api.id}/endpoints")
    summary = page.locator("summary", has_text="Load balance and Failover Configurations")
    expect(summary).to_contain_text("Not Configured")
    summary.click()
    group = page.get_by_label("Group", exact=True)
    add = page.get_by_role("button", name="Add production endpoint")
    shares = [endpoint(page, 1).get_by_label(label) for label in ("Weight", "Priority")]
    parts = [*shares, page.get_by_label("Algorithm"), page.get_by_label("Session Management"), add]
    parts.append(page.get_by_label("Interval"))
    for choice, visible in (("Load Balanced", 6), ("Not configured", 0), ("Failover", 2)):
        group.select_option(choice)
        for number, part in enumerate(parts):
            expect(part).to_be_visible(visible=number >= len(parts) - visible)
    group.select_option("Load Balanced")
    for session, labels in (
        ("", ()),
        ("transport", ("Session Timeout",)),
        ("simpleClientSession", ("Client ID name",)),
    ):
        page.get_by_label("Session Management").select_option(session)
        for label in ("Session Timeout", "Client ID name"):
            expect(page.get_by_label(label)).to_be_visible(visible=label in labels)
    group.select_option("Failover")
    # With the keyboard: add three, move the last one up, remove the one in the middle.
    for number, url in enumerate(("http://two.test", "https://three.test", "https://four.test"), 2):
        add.press("Enter")
        expect(endpoint(page, number).get_by_label("URL")).to_be_focused()
        page.keyboard.type(url)
    endpoint(page, 4).get_by_role("button", name="Move up").press("Enter")
    expect(endpoint(page, 3).get_by_label("URL")).to_have_value("https://four.test")
    endpoint(page, 3).get_by_role("button", name="Remove").press("Enter")
    expect(endpoint(page, 4)).to_have_count(0)
    page.get_by_role("button", name="Save", exact=True).last.click()
    # What was typed is still there, with the error at its field.
    wrong = endpoint(page, 2).get_by_label("URL")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_accessible_description(re.compile("mix http and https"))
    expect(endpoint(page, 3).get_by_label("URL")).to_have_value("https://three.test")
    assert violations_by_theme(page) == []
    take_picture(page, f"group-wrong-{width}")
    wrong.fill("https://two.test")
    group.select_option("Load Balanced")
    endpoint(page, 2).get_by_label("Weight").fill("3")
    endpoint(page, 3).get_by_label("Priority").fill("2")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(summary).to_contain_text("Load Balanced | Production: 3")
    summary.click()
    expect(endpoint(page, 2).get_by_label("Weight")).to_have_value("3")
    expect(endpoint(page, 3).get_by_label("Priority")).to_have_value("2")
    assert violations_by_theme(page) == []
    take_picture(page, f"group-{width}")


def endpoint(page: Page, number: int) -> Locator:
    return page.get_by_role("group", name=f"Production endpoint {number}")


def test_a_further_endpoint_gets_a_certificate_and_is_checked(signed_in: Page, holdfast: Holdfast, identity: Identity):
    page = signed_in
    with Backend(identity) as first, Backend(identity) as second:
        urls = [backend.url("/status/200", host="localhost") for backend in (first, second)]
        api = holdfast.publish_trusted_api(urls[0], identity.pem)
        members = {"production_endpoints": [{"url": url} for url in urls]}
        config: dict[str, Any] = {"endpoint_type": "load_balance", **members}
        assert holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config}).is_success
        path = f"/apis/{api.id}/endpoints?certificates"
        health = [page.get_by_label(f"Health of {url.removesuffix('/status/200')}") for url in urls]
        failure = [page.locator(f"[data-failure={name}]") for name in ("production", "production-1")]
        available = [part.get_by_text("Available at local") for part in health]
        show_until(page, path, health[1], "Available at local")
        # A failure appears in the row of its endpoint, and opens the panel.
        wait_until(lambda: holdfast.call(api.path).is_success and failure[1].is_visible())
        expect(failure[1]).to_contain_text("isn't trusted for this endpoint")
        expect(failure[0]).to_be_hidden()
        expect(health[1].get_by_text("Not suspended at local")).to_be_visible()
        expect(health[1]).to_contain_text("Gateways would send requests to it, although a request or check failed.")
        expect(available[1]).to_be_hidden()
        expect(available[0]).to_be_visible()
        # A failed check of the first one takes the word back, too.
        first.present(issue("localhost"))
        first.hang_up()
        page.get_by_role("button", name="Check the Production Endpoint").click()
        expect(health[0].get_by_text("Not suspended at local")).to_be_visible()
        expect(available[0]).to_be_hidden()
        first.present(identity)
        config["healthCheck"] = {"path": "/status/200", "interval": 1, "timeout": 1}
        assert holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": config}).is_success
        show_until(page, path, health[1], "Unhealthy at local since")
        show_until(page, path, health[0], "Available at local")
        expect(available[0]).to_be_visible()  # the panel is open, because the second one needs attention
        button = page.get_by_role("button", name=f"Check {urls[1]}")
        answer = page.locator("#production-1-answer")
        button.click()
        expect(answer).to_contain_text("self_signed_not_trusted")
        page.get_by_role("button", name=ADD_CERTIFICATE).click()
        dialog = page.get_by_role("dialog", name=UPLOAD_CERTIFICATE)
        dialog.get_by_label("Endpoint").select_option(label=urls[1])
        dialog.get_by_label("Alias").fill("further")
        certificate = FilePayload(name="a.pem", mimeType="application/octet-stream", buffer=identity.pem)
        dialog.get_by_label("Certificate", exact=True).set_input_files(certificate)
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_text("further", exact=True).first).to_be_visible()
        take_pictures(page, "member")
        button.click()
        expect(answer).to_contain_text("200 OK")
        assert violations_by_theme(page) == []
        show_until(page, page.url, health[1], "Available at local")


def show_until(page: Page, path: str, part: Locator, text: str) -> None:
    """Load a page until *part* contains *text*."""

    def is_shown() -> bool:
        page.goto(path)
        return any(text in content for content in part.all_text_contents())

    wait_until(is_shown, within=90)


def take_pictures(page: Page, name: str) -> None:
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        take_picture(page, f"{name}-{width}")


def take_picture(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(folder) / f"{name}-{theme}.png", full_page=True)
