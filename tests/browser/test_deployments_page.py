"""The Deployments page of an API: revisions are created, deployed, rolled back, restored and deleted."""

from playwright.sync_api import Page, expect

from browser.conftest import violations_by_theme
from running import Holdfast


def test_a_revision_is_created_deployed_rolled_back_restored_and_deleted(signed_in: Page, holdfast: Holdfast):
    api = holdfast.publish_api("http://127.0.0.1:9")
    signed_in.goto(f"/apis/{api.id}")
    signed_in.get_by_role("navigation", name="API").get_by_role("link", name="Deployments").click()
    default = signed_in.locator("[data-environment=Default]")
    expect(default).to_have_attribute("data-serves", "working-copy")
    signed_in.get_by_label("What is new").fill("first backend")
    signed_in.get_by_role("button", name="Create revision").click()
    expect(signed_in.get_by_role("status").get_by_text("Revision 1 created")).to_be_visible()
    default.get_by_role("button", name="Deploy", exact=True).click()
    expect(default).to_have_attribute("data-serves", "1")

    holdfast.rest.put(f"/apis/{api.id}", json={"description": "edited"}).raise_for_status()
    signed_in.goto(f"/apis/{api.id}/endpoints")
    expect(signed_in.locator("[data-not-deployed]")).to_contain_text("not deployed")
    signed_in.locator("[data-not-deployed]").get_by_role("link", name="Deployments").click()
    first, second = signed_in.locator("[data-revision='1']"), signed_in.locator("[data-revision='2']")
    expect(first).to_contain_text("description")
    signed_in.get_by_role("button", name="Create revision").click()
    default.get_by_label("Revision for Default").select_option("Revision 2")
    default.get_by_role("button", name="Deploy", exact=True).click()
    expect(default).to_have_attribute("data-serves", "2")
    for width in (1280, 390):
        signed_in.set_viewport_size({"width": width, "height": 900})
        assert violations_by_theme(signed_in) == []
        assert signed_in.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    default.get_by_role("button", name="Deploy", exact=True).click()  # back to the first one
    expect(default).to_have_attribute("data-serves", "1")
    first.get_by_role("button", name="Restore").click()
    dialog = signed_in.get_by_role("dialog")
    expect(dialog).to_contain_text("What gateways serve doesn't change.")
    dialog.get_by_role("button", name="Restore").click()
    expect(signed_in.get_by_role("status").get_by_text("Working copy replaced with Revision 1")).to_be_visible()
    expect(first.get_by_role("button", name="Restore")).to_have_count(0)
    second.get_by_role("button", name="Delete").click()
    expect(dialog).to_contain_text("You can't deploy or restore it afterwards.")
    dialog.get_by_role("button", name="Delete").click()
    expect(second).to_have_count(0)
    path, where = f"/apis/{api.id}/undeploy-revision?revisionNumber=1", [{"name": "Default"}]
    holdfast.rest.post(path, json=where).raise_for_status()
    expect(default).to_have_attribute("data-serves", "nothing")  # without a reload
    default.get_by_role("button", name="Deploy", exact=True).click()
    expect(default).to_have_attribute("data-serves", "1")
    default.get_by_role("button", name="Undeploy").click()
    expect(dialog).to_contain_text(f"Calls to {api.path} will return 404 at once, on the gateways of Default.")
    assert violations_by_theme(signed_in) == []
    dialog.get_by_role("button", name="Cancel").click()
    expect(default).to_have_attribute("data-serves", "1")
    default.get_by_role("button", name="Undeploy").click()
    dialog.get_by_role("button", name="Undeploy").click()
    expect(default).to_have_attribute("data-serves", "nothing")
