"""The page of gateways, live, with a real gateway; enrolling and revoking by keyboard."""

import os
import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from backends import Backend
from browser.conftest import ENFORCED, violations_by_theme
from issuing import Identity, issue
from running import Holdfast, PublishedApi

pytestmark = pytest.mark.long


@pytest.fixture
def backend(identity: Identity) -> Iterator[Backend]:
    """A separate backend, because its certificates would appear next to those of other tests."""
    with Backend(identity) as running:
        yield running


@pytest.fixture
def api(holdfast: Holdfast, backend: Backend, identity: Identity) -> PublishedApi:
    return holdfast.publish_trusted_api(backend.url(host="localhost"), identity.pem)


def test_enforced_leads_to_the_gateway_whose_revision_follows_changes(
    signed_in: Page, holdfast: Holdfast, backend: Backend, api: PublishedApi
):
    signed_in.goto(f"/apis/{api.id}/endpoints?certificates")
    signed_in.locator(ENFORCED).first.click()
    expect(signed_in.get_by_role("heading", name="Gateways", exact=True)).to_be_visible()
    gateway = signed_in.get_by_role("listitem").filter(has=signed_in.locator("[data-connection=connected]"))
    expect(gateway.locator(ENFORCED)).to_be_visible()
    revision = int(re.sub(r"\D", "", gateway.locator(ENFORCED).inner_text()))
    assert violations_by_theme(signed_in) == []
    os.kill(holdfast.envoy, signal.SIGSTOP)
    try:
        endpoint = backend.url(host="localhost")
        files = {"certificate": ("backend.pem", issue("localhost").pem)}
        holdfast.rest.post("/endpoint-certificates", data={"alias": "late", "endpoint": endpoint}, files=files)
        expect(gateway.locator("[data-progress=waiting]")).to_be_visible()
        assert violations_by_theme(signed_in) == []
    finally:
        os.kill(holdfast.envoy, signal.SIGCONT)
    expect(gateway.locator(ENFORCED)).to_be_visible()
    assert int(re.sub(r"\D", "", gateway.locator(ENFORCED).inner_text())) > revision
    holdfast.delete_certificate("late")


def test_a_gateway_is_enrolled_and_revoked_by_keyboard(signed_in: Page):
    signed_in.goto("/gateways")
    signed_in.get_by_role("button", name="Enroll gateway").press("Enter")
    dialog = signed_in.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_be_focused()
    signed_in.keyboard.press("Tab")
    expect(dialog.get_by_label("Name")).to_be_focused()
    signed_in.keyboard.type("Not a name")
    signed_in.keyboard.press("Enter")
    expect(dialog.locator("#name-error")).not_to_be_empty()
    assert violations_by_theme(signed_in) == []
    dialog.get_by_label("Name").fill("eu-1")
    dialog.get_by_label("Labels").fill("region=eu")
    signed_in.keyboard.press("Enter")
    command = dialog.locator("#join-command")
    expect(command).to_have_text(re.compile(r"^holdfast gateway join http://\S+ hfg_\S+$"))
    expect(dialog.get_by_role("heading")).to_be_focused()
    assert violations_by_theme(signed_in) == []
    signed_in.keyboard.press("Escape")
    row = signed_in.locator("#gateway-eu-1")
    expect(row.locator("[data-connection=waiting]")).to_be_visible()
    expect(signed_in.get_by_text("hfg_")).to_have_count(0)
    for width in (1200, 320):
        signed_in.set_viewport_size({"width": width, "height": 800})
        assert violations_by_theme(signed_in) == []
        assert signed_in.evaluate("document.documentElement.scrollWidth <= innerWidth")
    row.get_by_role("button", name="Revoke eu-1").press("Enter")
    expect(dialog.get_by_role("heading")).to_be_focused()
    assert violations_by_theme(signed_in) == []
    dialog.get_by_role("button", name="Revoke", exact=True).press("Enter")
    expect(signed_in.get_by_role("status").filter(has_text="eu-1")).to_be_visible()
    expect(row).to_have_count(0)


def test_a_group_is_created_and_deleted_by_keyboard(signed_in: Page):
    signed_in.goto("/gateways")
    signed_in.get_by_role("button", name="Create group").press("Enter")
    dialog = signed_in.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_be_focused()
    dialog.get_by_label("Name", exact=True).fill("asia")
    listen = dialog.get_by_role("group", name="Production", exact=True).get_by_label("Gateways listen on")
    listen.fill("asia.example:8280")
    signed_in.keyboard.press("Enter")
    expect(dialog.locator("#listen-production-error")).to_have_text(re.compile("Use IP:PORT"))
    assert violations_by_theme(signed_in) == []
    listen.fill("127.0.0.9:8280")
    signed_in.keyboard.press("Enter")
    group = signed_in.locator("[data-group=asia]")
    expect(group).to_contain_text("Production listens on 127.0.0.9:8280")
    for width in (1200, 320):
        signed_in.set_viewport_size({"width": width, "height": 800})
        assert violations_by_theme(signed_in) == []
        assert signed_in.evaluate("document.documentElement.scrollWidth <= innerWidth")
    group.get_by_role("button", name="Delete asia").press("Enter")
    dialog.get_by_role("button", name="Delete").press("Enter")
    expect(group).to_have_count(0)
