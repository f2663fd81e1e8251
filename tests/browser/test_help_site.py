"""The docs site under /help works in a browser: nothing on it is blocked, and nothing is loaded from elsewhere."""

from playwright.sync_api import BrowserContext, Page, expect


def test_search_finds_a_code_and_leads_to_its_entry(page: Page):
    page.goto("/sign-in")
    page.get_by_role("link", name="Help").click()
    expect(page.locator(".md-search-result__meta")).to_have_text("Type to start searching")  # the index is loaded
    page.get_by_role("textbox", name="Search").focus()
    # Pasted rather than typed: Material's search rejects the query "weak-", with a warning on the console.
    page.keyboard.insert_text("weak-key")
    page.keyboard.press("End")
    page.locator("[data-md-component=search-result] a", has_text="Findings").first.click()
    expect(page.get_by_role("heading", name="Findings", level=1)).to_be_visible()
    page.goto("/help/reference/findings/#weak-key")
    expect(page.locator("#weak-key")).to_be_in_viewport()


def test_the_theme_toggle_switches_and_is_remembered(page: Page):
    page.goto("/help/")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "default")
    page.get_by_title("Switch to dark mode").click()
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    page.goto("/help/reference/findings/")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")


def test_pages_load_nothing_from_other_hosts(page: Page, context: BrowserContext):
    urls: list[str] = []
    context.on("request", lambda request: urls.append(request.url))
    for path in ("/help/", "/help/concepts/architecture/", "/help/reference/cli/"):
        page.goto(path, wait_until="networkidle")
    own = page.url.partition("/help/")[0]
    assert len(urls) > 5
    assert [url for url in urls if not url.startswith((own, "data:", "blob:"))] == []
