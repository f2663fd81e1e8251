"""The dialog with the rules for requests, from the overview of an API."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backends import Backend
from browser.conftest import violations_by_theme
from running import Holdfast, wait_until


@pytest.mark.parametrize("width", [390, 1280])
def test_rules_are_set_in_a_dialog_and_take_effect(signed_in: Page, holdfast: Holdfast, width: int):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    with Backend(None) as backend:
        api = holdfast.publish_api(backend.url())
        operations = [{"verb": "GET", "target": "/pets"}]
        assert holdfast.rest.put(f"/apis/{api.id}", json={"operations": operations}).status_code == 200
        page.goto(f"/apis/{api.id}")
        page.get_by_role("button", name="Change rules").click()
        dialog = page.get_by_role("dialog")
        origins, limit = dialog.get_by_label("Allowed origins"), dialog.get_by_label("Production", exact=True)
        expect(origins).to_be_hidden()
        dialog.get_by_label("Default version").check()
        dialog.get_by_label("Only listed operations").check()
        dialog.get_by_label("Answer for the backend").check()
        origins.fill("https://shop.test, *")
        dialog.get_by_label("Allow credentials").check()
        limit.fill("many")
        dialog.get_by_label("Production: requests per").select_option("per minute")
        save = dialog.get_by_role("button", name="Save", exact=True)
        save.click()
        # Keyboard and screen reader: the field has the focus, and its error describes it.
        expect(dialog.get_by_label("Allow credentials")).to_be_focused()
        expect(dialog.get_by_text("With credentials, list origins")).to_be_visible()
        expect(dialog.get_by_text("Use a whole number from 1 to 1,000,000.")).to_be_visible()
        expect(limit).to_have_attribute("aria-invalid", "true")
        assert violations_by_theme(page) == []
        take_pictures(page, f"rules-errors-{width}")
        origins.fill("https://shop.test")
        limit.fill("600")
        save.press("Enter")
        expect(page.get_by_role("status").get_by_text("Request rules of")).to_be_visible()
        section = page.locator("section").filter(has=page.get_by_role("heading", name="Request rules"))
        short = api.path.rpartition("/")[0]
        expect(section.get_by_text(f"also served at {short}")).to_be_visible()
        expect(section.get_by_text("600 per minute and gateway")).to_be_visible()
        assert violations_by_theme(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        take_pictures(page, f"rules-overview-{width}")
        wait_until(lambda: holdfast.call(f"{short}/pets").status_code == 200)
        assert holdfast.call(f"{short}/others").status_code == 404


def take_pictures(page: Page, name: str) -> None:
    """Take a screenshot in each theme, if the environment names a folder for them."""
    if folder := os.environ.get("PICTURES"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(folder) / f"{name}-{theme}.png", full_page="overview" in name)
