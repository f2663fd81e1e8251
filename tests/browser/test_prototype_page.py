"""Prototypes on the pages of an API."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import violations_by_theme
from running import Holdfast, wait_until

EXAMPLE = {"responses": {"200": {"description": "", "content": {"application/json": {"example": {"name": "Rex"}}}}}}
OTHER = {"responses": {"204": {"description": ""}}}
DEFINITION = {
    "openapi": "3.0.3",
    "info": {"title": "pets", "version": "1"},
    "paths": {"/pets": {"get": EXAMPLE, "delete": OTHER}},
}


@pytest.mark.parametrize("width", [390, 1280])
def test_an_api_without_a_backend_is_answered_with_examples(signed_in: Page, holdfast: Holdfast, width: int):
    page = signed_in
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/apis/new")
    expect(page.get_by_label("Endpoint", exact=True)).to_be_visible()
    page.get_by_label("Endpoint type").select_option("prototype")
    expect(page.get_by_label("Endpoint", exact=True)).to_be_hidden()
    assert violations_by_theme(page) == []
    take_pictures(page, f"new-{width}")
    api = holdfast.create_api()
    page.goto(f"/apis/{api.id}/endpoints")
    answer = page.get_by_role("button", name="Answer with examples")
    assert answer.evaluate("button => getComputedStyle(button).textDecorationLine") == "none"
    answer.click()
    page.get_by_role("dialog").get_by_role("button", name="Answer with examples").click()
    expect(page.get_by_text("Every response will be empty")).to_be_visible()
    take_pictures(page, f"empty-{width}")
    page.get_by_role("button", name="Use the endpoints").click()
    page.get_by_role("dialog").get_by_role("button", name="Use the endpoints").click()
    expect(answer).to_be_visible()
    files = {"apiDefinition": (None, json.dumps(DEFINITION))}
    assert holdfast.rest.put(f"/apis/{api.id}/swagger", files=files).status_code == 200
    page.goto(f"/apis/{api.id}/endpoints")
    page.get_by_role("button", name="Answer with examples").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert violations_by_theme(page) == []
    dialog.get_by_role("button", name="Answer with examples").click()
    sentence = "1 of 2 operations have an example in the definition; 1 gets an empty body."
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.get_by_text("Every response will be empty")).to_have_count(0)
    assert violations_by_theme(page) == []
    take_pictures(page, f"endpoints-{width}")
    page.goto(f"/apis/{api.id}")
    expect(page.get_by_text("Gateways will answer with examples, and don't call a backend.")).to_be_visible()
    take_pictures(page, f"overview-{width}")
    page.goto(f"/apis/{api.id}/lifecycle")
    page.get_by_role("button", name="Deploy as a Prototype").click()
    expect(page.locator("[aria-current=step]")).to_contain_text("Prototyped")
    assert violations_by_theme(page) == []
    take_pictures(page, f"lifecycle-{width}")
    wait_until(lambda: holdfast.call(f"{api.path}/pets").status_code == 200)
    page.goto(f"/apis/{api.id}/endpoints")
    page.get_by_role("button", name="Use the endpoints").click()
    page.get_by_role("dialog").get_by_role("button", name="Use the endpoints").click()
    expect(page.get_by_role("button", name="Answer with examples")).to_be_visible()
    wait_until(lambda: holdfast.call(f"{api.path}/pets").status_code == 404)


def take_pictures(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=Path(folder) / f"{name}-{theme}.png", full_page=True)
