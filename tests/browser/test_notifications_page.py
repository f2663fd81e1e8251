"""Channels and silences in a real Chromium: by keyboard, in both themes, wide and narrow."""

from pathlib import Path

from playwright.sync_api import Page, expect

from browser.conftest import violations
from receivers import receiver


def look(page: Page) -> None:
    """Check that axe finds nothing and nothing is too wide: light on a desktop, dark on a phone."""
    before = page.viewport_size
    for theme, width in (("light", 1280), ("dark", 390)):
        page.evaluate(f"document.documentElement.dataset.bsTheme = '{theme}'")
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("document.documentElement.dataset.bsTheme = 'light'")
    page.set_viewport_size(before or {"width": 1200, "height": 800})


def test_a_channel_is_added_tested_and_deleted_by_keyboard(signed_in: Page, tmp_path: Path):
    with receiver(tmp_path, "http") as slack:
        signed_in.goto("/notifications")
        look(signed_in)
        signed_in.get_by_role("button", name="Add channel").first.focus()
        signed_in.keyboard.press("Enter")
        signed_in.get_by_role("link", name="Slack").focus()
        signed_in.keyboard.press("Enter")
        dialog = signed_in.get_by_role("dialog")
        expect(dialog.get_by_role("heading")).to_be_focused()
        look(signed_in)
        signed_in.keyboard.press("Tab")
        expect(dialog.get_by_label("Name")).to_be_focused()
        signed_in.keyboard.type("browser")
        dialog.get_by_label("URL").fill(f"{slack.url}/services/x")
        signed_in.keyboard.press("Enter")
        signed_in.get_by_role("button", name="Send test").focus()
        signed_in.keyboard.press("Enter")
        expect(signed_in.get_by_text("Delivering")).to_be_visible()
        assert slack.wait_for(1)
        look(signed_in)
        signed_in.get_by_role("button", name="Delete browser").focus()
        signed_in.keyboard.press("Enter")
        signed_in.get_by_role("button", name="Delete", exact=True).click()
        expect(signed_in.get_by_text("Nobody is notified")).to_be_visible()
