"""The frame of every page: the navigation, on wide and narrow screens and by keyboard; times and copy buttons."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Cookie, Page, expect

from browser.conftest import violations_by_theme
from holdfast.web.times import describe_relative
from running import Holdfast

NARROW = {"width": 390, "height": 844}
# The sum of all layout shifts that the browser saw, other than those after input.
SHIFTS = """() => new Promise((resolve) => {
  new PerformanceObserver((list) => resolve(list.getEntries().reduce((sum, each) => sum + each.value, 0)))
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(0)));
})"""


def test_the_navigation_marks_the_page_that_is_open(signed_in: Page):
    for address, name in (("/apis", "APIs"), ("/failures", "Failures"), ("/gateways", "Gateways"), ("/users", "Users")):
        signed_in.goto(address)
        current = signed_in.get_by_role("navigation", name="Main").locator("[aria-current=page]")
        expect(current).to_contain_text(name)
        assert signed_in.evaluate(SHIFTS) < 0.01, address  # a time changes its width


@pytest.mark.parametrize("address", ["/apis", "/users"])
def test_lists_use_the_width_of_the_screen(signed_in: Page, address: str):
    signed_in.set_viewport_size({"width": 1600, "height": 900})
    signed_in.goto(address)
    box = signed_in.locator("main").bounding_box()
    assert box
    assert box["width"] > 1350


def test_on_a_narrow_screen_a_button_opens_the_navigation_by_keyboard(signed_in: Page):
    signed_in.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
    signed_in.goto("/gateways")
    menu, button = signed_in.get_by_role("navigation", name="Main"), signed_in.get_by_role("button", name="Menu")
    expect(menu).to_be_hidden()
    button.focus()
    signed_in.keyboard.press("Enter")
    expect(menu).to_be_visible()
    assert violations_by_theme(signed_in) == []
    signed_in.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    signed_in.keyboard.press("Enter")
    menu.get_by_role("link", name="Failures").click()
    expect(signed_in.get_by_role("heading", name="Failures", exact=True)).to_be_visible()
    expect(menu).to_be_hidden()


def test_times_are_in_the_time_zone_of_the_browser_which_is_named(
    chromium: Browser, holdfast: Holdfast, session_cookies: Sequence[Cookie]
):
    with chromium.new_context(base_url=holdfast.publisher_url, timezone_id="Asia/Tokyo", locale="en-US") as context:
        context.add_cookies(session_cookies)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto("/account")
        times = page.locator("main local-time time")
        expect(times.first).to_have_attribute(
            "title", re.compile(r"^[A-Z][a-z]{2} \d+, \d{4}, \d+:\d\d:\d\d [AP]M GMT\+9$")
        )


def test_scripts_and_the_server_describe_times_in_the_same_words(signed_in: Page):
    signed_in.goto("/account")
    now = datetime.now(UTC)
    signed_in.clock.set_fixed_time(now)
    distances = [timedelta(seconds=seconds) for seconds in (5, 35, 95, 3700, 90_000, 800_000)]
    moments = [now + sign * distance + timedelta(seconds=2) for distance in distances for sign in (-1, 1)]
    texts = signed_in.evaluate(
        """(moments) => moments.map((at) => {
          const element = document.createElement("local-time");
          element.setAttribute("form", "relative");
          element.innerHTML = `<time datetime="${at}"></time>`;
          document.body.append(element);
          return element.textContent;
        })""",
        [moment.isoformat() for moment in moments],
    )
    assert texts == [describe_relative(moment, now) for moment in moments]


def test_control_k_searches_everything_by_keyboard(signed_in: Page, holdfast: Holdfast):
    api = holdfast.create_api("https://searched.example")
    signed_in.goto("/failures")
    signed_in.keyboard.press("Control+k")
    box = signed_in.get_by_role("combobox", name="Search everything")
    expect(box).to_be_focused()
    options = signed_in.get_by_role("listbox", name="Results").get_by_role("option")
    expect(options.first).to_be_visible()
    assert violations_by_theme(signed_in) == []
    signed_in.keyboard.type("searched.ex")
    expect(options).to_have_count(1)
    expect(options).to_contain_text(api.name)
    option = options.first.get_attribute("id")
    expect(box).to_have_attribute("aria-activedescendant", str(option))
    assert violations_by_theme(signed_in) == []
    signed_in.keyboard.press("Escape")
    expect(box).to_be_hidden()
    signed_in.keyboard.press("Control+k")
    signed_in.keyboard.type(f"{api.name} 1.0")
    signed_in.keyboard.press("Enter")
    expect(signed_in).to_have_url(re.compile(f"/apis/{api.id}$"))
    holdfast.delete_api(api)


def test_arrow_keys_choose_a_result(signed_in: Page):
    signed_in.goto("/failures")
    signed_in.get_by_role("link", name="Search").click()
    options = signed_in.get_by_role("listbox", name="Results").get_by_role("option")
    expect(options.first).to_have_attribute("aria-selected", "true")
    signed_in.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    signed_in.keyboard.press("ArrowDown")
    signed_in.keyboard.press("ArrowDown")
    second = options.nth(1)
    expect(second).to_have_attribute("aria-selected", "true")
    path = second.get_attribute("href")
    signed_in.keyboard.press("Enter")
    expect(signed_in).to_have_url(re.compile(f"{path}$"))
