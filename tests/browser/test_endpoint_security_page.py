"""Endpoint security on the Endpoints page, in WSO2's words."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backends import Backend
from browser.conftest import violations_by_theme
from issuing import Identity, issue
from running import Holdfast, PublishedApi, wait_until
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
    page.get_by_label("Type", exact=True).select_option("API key")
    expect(header).to_be_visible()
    page.get_by_label("Type", exact=True).select_option("OAuth 2.0")
    expect(page.get_by_label("Token URL")).to_be_visible()
    expect(password).to_be_hidden()
    page.get_by_label("Grant type").select_option("Password")
    expect(page.get_by_text("RFC 9700 (section 2.4) says not to use this grant.")).to_be_visible()
    for field in (page.get_by_label("Client secret"), page.get_by_label("User name"), password):
        expect(field).to_be_visible()
    assert violations_by_theme(page) == []
    if folder := os.environ.get("PICTURES"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(folder) / f"oauth-{theme}-{width}.png", full_page=True)
    page.get_by_label("Grant type").select_option("Client credentials")
    expect(password).to_be_hidden()
    expect(page.get_by_label("Client secret")).to_be_visible()
    page.get_by_label("Type", exact=True).select_option("Basic")
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
    signed_in: Page, holdfast: Holdfast, backend: Backend, identity: Identity, width: int
):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    with TokenServer(TOKENS) as tokens:
        api = holdfast.publish_trusted_api(backend.url(host="localhost"), identity.pem)
        page.goto(f"/apis/{api.id}/endpoints")
        summary = page.locator("summary", has_text="General Endpoint Configurations")
        summary.click()
        page.get_by_label("Type", exact=True).select_option("OAuth 2.0")
        page.get_by_label("Token URL").fill(tokens.url)
        page.get_by_role("textbox", name="Client ID").fill("shop")
        page.get_by_label("Client secret").fill("s3cret & more")
        page.get_by_role("button", name="Save", exact=True).last.click()
        expect(summary).to_contain_text("Endpoint Security: OAUTH | Certificates: ")
        summary.click()
        trust = page.locator(".trust-settings", has_text="Production: token endpoint")
        expect(trust).to_contain_text(tokens.url.removesuffix("/oauth2/token"))
        show(page, f"token-saved-{width}")
        holdfast.wait_until_served(api)
        wait_until(lambda: "token_endpoint_not_trusted" in failures_of(holdfast, api))
        page.goto("/gateways")
        missing = page.locator(".finding", has_text=f"{api.name} 1.0, production")
        expect(missing).to_contain_text("it doesn't trust the token endpoint. token_endpoint_not_trusted (self_signed")
        expect(missing).to_contain_text("Test the token endpoint under Trust settings")
        show(page, f"token-gateways-{width}")
        page.goto("/")
        expect(page.get_by_text("1 backend has no new access token")).to_be_visible()
        show(page, f"token-home-{width}")
        page.goto("/failures")
        expect(page.get_by_text("it doesn't trust the token endpoint").first).to_be_visible()
        show(page, f"token-failures-{width}")

        page.goto(f"/apis/{api.id}/endpoints")
        page.locator("[data-failure=production]").get_by_role("button", name="Import the certificate").click()
        expect(page.get_by_role("dialog").get_by_label("Endpoint", exact=True)).to_have_value(tokens.url)
        page.goto(f"/apis/{api.id}/endpoints")
        summary.click()
        trust.get_by_role("button", name="Test against the endpoint").click()
        expect(page.get_by_text("self_signed_not_trusted").locator("visible=true").first).to_be_visible()
        show(page, f"token-test-{width}")
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Add Certificate").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Alias").fill(f"tokens-{width}")
        dialog.get_by_label("Endpoint", exact=True).select_option(tokens.url)
        dialog.get_by_role("button", name="Fetch from endpoint").click()
        dialog.get_by_role("radio").check()
        dialog.get_by_role("button", name="Test against the endpoint").click()
        expect(dialog.locator("#verdict [data-result]")).to_be_visible()
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_be_hidden()
        expect(page.locator("#certificate-list").get_by_text(f"tokens-{width}")).to_be_visible()
        wait_until(lambda: holdfast.call(api.path).is_success)
        assert holdfast.call(api.path).json()["headers"]["authorization"] == f"Bearer {tokens.list_issued()[-1]}"
        page.goto("/certificates")
        expect(page.get_by_role("row").filter(has_text=f"tokens-{width}")).to_contain_text(api.name)
        show(page, f"token-certificates-{width}")


def failures_of(holdfast: Holdfast, api: PublishedApi) -> str:
    holdfast.call(api.path)
    return str(holdfast.rest.get(f"/apis/{api.id}/failures").text)


def show(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(folder) / f"{name}-{theme}.png", full_page=True)
