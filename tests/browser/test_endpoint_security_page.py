"""Endpoint security on the Endpoints page, in WSO2's words."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backends import Backend
from browser.conftest import violations_by_theme
from issuing import issue
from running import Holdfast, wait_until
from token_server import TokenServer

TOKENS = issue("127.0.0.1")


@pytest.mark.parametrize("width", [390, 1280])
def test_a_password_is_entered_kept_and_asked_for_again(
    signed_in: Page, holdfast: Holdfast, backend: Backend, width: int
):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    api = holdfast.create_api(backend.url(host="localhost"))
    page.goto(f"/apis/{api.id}/endpoints")
    summary = page.locator("summary", has_text="General Endpoint Configurations")
    expect(summary).to_contain_text("Endpoint Security: NONE | Certificates: 0")
    summary.click()
    password, header = page.get_by_label("Password"), page.get_by_label("Header")
    expect(password).to_be_hidden()
    page.get_by_label("Type").select_option("API key")
    expect(header).to_be_visible()
    page.get_by_label("Type").select_option("OAuth 2.0")
    expect(page.get_by_label("Token URL")).to_be_visible()
    if folder := os.environ.get("PICTURES"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(folder) / f"oauth-{theme}-{width}.png", full_page=True)
    page.get_by_label("Type").select_option("Basic")
    expect(header).to_be_hidden()
    page.get_by_label("User name").fill("shop")
    password.fill("geheim")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(summary).to_contain_text("Endpoint Security: BASIC | Certificates: 0")
    summary.click()
    expect(password).to_have_value("")
    expect(page.get_by_text("Leave empty to keep the stored one.").first).to_be_visible()
    assert violations_by_theme(page) == []

    # At another origin, the page asks for it again, next to the field.
    page.get_by_label("Production Endpoint URL").fill("https://elsewhere.test")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("Enter the secret again to send it to https://elsewhere.test")).to_be_visible()
    expect(password).to_be_focused()
    if folder := os.environ.get("PICTURES"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(folder) / f"security-{theme}-{width}.png", full_page=True)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_token_endpoint_is_trusted_on_the_page_like_an_endpoint(
    signed_in: Page, holdfast: Holdfast, backend: Backend, width: int
):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    with TokenServer(TOKENS) as tokens:
        api = holdfast.publish_api(backend.url(host="localhost"))
        page.goto(f"/apis/{api.id}/endpoints")
        summary = page.locator("summary", has_text="General Endpoint Configurations")
        summary.click()
        page.get_by_label("Type").select_option("OAuth 2.0")
        page.get_by_label("Token URL").fill(tokens.url)
        page.get_by_role("textbox", name="Client ID").fill("shop")
        page.get_by_label("Client secret").fill("s3cret & more")
        page.get_by_role("button", name="Save", exact=True).last.click()
        expect(summary).to_contain_text("Endpoint Security: OAUTH | Certificates: 0")
        summary.click()
        show(page, f"token-saved-{width}")
        page.get_by_role("link", name="Add Certificate").click()
        show(page, f"token-add-{width}")
        wait_until(lambda: not holdfast.call(api.path).is_success)
        page.goto("/gateways")
        show(page, f"token-gateways-{width}")
        page.goto("/")
        show(page, f"token-home-{width}")
        page.goto("/failures")
        show(page, f"token-failures-{width}")


def show(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(folder) / f"{name}-{theme}.png", full_page=True)
