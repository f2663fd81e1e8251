"""The environments of an API on its overview, and the dialog that chooses them."""

import uuid

from playwright.sync_api import Page, expect

from browser.conftest import violations_by_theme
from running import Holdfast


def test_environments_are_chosen_and_shown(signed_in: Page, holdfast: Holdfast):
    name = f"eu-{uuid.uuid4().hex[:8]}"
    urls = {
        "production": "http://a-rather-long-host-name.gateways.eu.example:8280",
        "productionTls": "https://eu.example",
    }
    body = {"name": name, "displayName": "Europe", "description": "Frankfurt and Paris", "urls": urls}
    assert holdfast.rest.post("/gateways/groups", json=body).status_code == 201
    api = holdfast.publish_api("http://127.0.0.1:9", sandbox="http://127.0.0.1:9")
    signed_in.goto(f"/apis/{api.id}")
    section = signed_in.locator("section").filter(has=signed_in.get_by_role("heading", name="Environments"))
    expect(section.get_by_text(f"{holdfast.gateway_url}{api.path}", exact=True)).to_be_visible()
    signed_in.get_by_role("button", name="Choose environments").click()
    dialog = signed_in.get_by_role("dialog")
    expect(dialog.get_by_label("Default")).to_be_checked()
    dialog.get_by_label("Europe").check()
    for width in (1280, 390):
        signed_in.set_viewport_size({"width": width, "height": 900})
        assert violations_by_theme(signed_in) == []
    dialog.get_by_role("button", name="Save").click()
    expect(signed_in.get_by_role("status").get_by_text(f"Environments of {api.name}")).to_be_visible()
    expect(section.get_by_text(f"{urls['production']}{api.path}", exact=True)).to_be_visible()
    for width in (1280, 390):
        signed_in.set_viewport_size({"width": width, "height": 900})
        assert violations_by_theme(signed_in) == []
        assert signed_in.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
