"""Forms that were opened before someone else's change: the message has the focus, and the input can be saved again."""

import os
from pathlib import Path

from playwright.sync_api import Page, expect

from browser.conftest import violations_by_theme
from running import Holdfast

NOT_SAVED = "Not saved: someone has changed this API since you opened it."


def test_an_outdated_page_and_an_outdated_dialog_focus_the_message_and_keep_the_input(
    signed_in: Page, holdfast: Holdfast
):
    page = signed_in
    page.set_viewport_size({"width": 390, "height": 900})
    api = holdfast.create_api("https://one.test")
    page.goto(f"/apis/{api.id}/endpoints")
    change(holdfast, api.id, "While the page was open")
    url = page.get_by_label("Production Endpoint URL")
    url.fill("https://mine.test")
    save = page.get_by_role("button", name="Save", exact=True).last
    save.click()
    message = page.get_by_role("alert").filter(has_text=NOT_SAVED)
    expect(message).to_be_focused()
    expect(url).to_have_value("https://mine.test")
    assert violations_by_theme(page) == []
    take_pictures(page, "page")
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    save.evaluate("(button) => { button.click(); setTimeout(() => button.click(), 20); }")  # before it is answered
    expect(page.get_by_role("status").get_by_text(f"Endpoints of {api.name} 1.0 saved")).to_be_visible()
    expect(url).to_have_value("https://mine.test")
    assert len(posts) == 1

    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"/apis/{api.id}")
    page.get_by_role("button", name="Change rules").click()
    dialog = page.get_by_role("dialog")
    limit = dialog.get_by_label("Production", exact=True)
    limit.fill("600")
    save = dialog.get_by_role("button", name="Save", exact=True)
    posts.clear()
    for text in ("While the dialog was open", "Once more"):
        change(holdfast, api.id, text)
        save.click()
        expect(dialog.get_by_role("alert").filter(has_text=NOT_SAVED)).to_be_focused()
        expect(limit).to_have_value("600")
        save.dispatch_event("click", {"detail": 2})  # a double click that began before the answer
        limit.focus()
    assert violations_by_theme(page) == []
    take_pictures(page, "dialog")
    save.click()
    expect(page.get_by_role("status").get_by_text("Request rules of")).to_be_visible()
    assert len(posts) == 3
    expect(page.get_by_text("600 per second and gateway")).to_be_visible()


def change(holdfast: Holdfast, api_id: str, description: str) -> None:
    """Change an API as someone else would."""
    assert holdfast.rest.put(f"/apis/{api_id}", json={"description": description}).status_code == 200


def take_pictures(page: Page, name: str) -> None:
    """Take screenshots, if the environment names a folder for them."""
    if folder := os.environ.get("PICTURES"):
        for theme in ("light", "dark"):
            for width in (390, 1280):
                page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                page.set_viewport_size({"width": width, "height": 900})
                page.screenshot(path=Path(folder) / f"{name}-{theme}-{width}.png")
