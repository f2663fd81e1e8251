"""A real Chromium in front of a real Holdfast with a real backend."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Cookie, Locator, Page, expect, sync_playwright

from backends import Backend
from browser_path import find_chromium
from issuing import Identity, issue
from running import Holdfast, wait_until, write_identity

HERE = Path(__file__).parent
THEMES: Sequence[Literal["light", "dark"]] = ("light", "dark")
AXE = Axe().axe_script
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
# The rules whose result depends on the theme.
COLOR_RULES = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
# Chromium's sandbox doesn't work as root; all pages are ours.
ARGUMENTS = ["--no-sandbox"] if os.geteuid() == 0 else []
ENFORCED = "[data-progress=enforced]"  # the status of a policy that every gateway enforces
TIMEOUT = 60_000  # milliseconds per step and expectation: a bound for busy machines
expect.set_options(timeout=TIMEOUT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def holdfast(tmp_path_factory: pytest.TempPathFactory, server_environment: dict[str, str]) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("browser")
    identity = write_identity(directory, issue("127.0.0.1"))
    with Holdfast(directory, gateway_identity=identity, **server_environment) as running:
        yield running


@pytest.fixture(scope="session")
def identity() -> Identity:
    return issue("localhost", common_name="localhost")


@pytest.fixture(scope="session")
def backend(identity: Identity) -> Iterator[Backend]:
    with Backend(identity) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, holdfast: Holdfast) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=holdfast.publisher_url, viewport={"width": 1200, "height": 800})
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page. Errors and warnings in its console fail the test, except for 4xx responses."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "the server responded with a status of 4" not in message.text:
            complaints.append(message.text)

    page = context.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


@pytest.fixture(scope="session")
def session_cookies(chromium: Browser, holdfast: Holdfast) -> Sequence[Cookie]:
    """The session of admin, who signs in once for all tests, because signing in takes longer than most tests."""
    with chromium.new_context(base_url=holdfast.publisher_url) as context:
        sign_in(context.new_page(), holdfast)
        return context.cookies()


@pytest.fixture
def signed_in(page: Page, context: BrowserContext, session_cookies: Sequence[Cookie]) -> Page:
    """A blank page of a browser in which admin is signed in."""
    context.add_cookies(session_cookies)  # type: ignore[arg-type]
    return page


def sign_in(page: Page, holdfast: Holdfast, name: str = "admin", password: str = "") -> None:
    page.goto("/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password or holdfast.admin_password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Home", exact=True)).to_be_visible()


def tab_to(target: Locator, most: int = 40) -> None:
    """Press Tab, at most *most* times, until *target* has the focus. Its page finishes loading before."""
    expect(target).to_be_visible()
    target.page.wait_for_load_state()
    for _ in range(most):
        target.page.keyboard.press("Tab")
        if target.evaluate("(element) => element === document.activeElement"):
            return
    pytest.fail(f"{target} isn't within {most} keys")


def violations(page: Page, rules: Mapping[str, object] = RULES) -> list[str]:
    """
    Return the violations of *rules*, by default of WCAG 2.2 AA, that axe finds on a page at rest.

    It has loaded, no request of htmx is pending, all animations have ended, and what sticks to an edge of the screen
    covers nothing: behind it, targets would be too small wherever the page happens to be scrolled.
    """
    page.wait_for_load_state()
    expect(page.locator(".htmx-request")).to_have_count(0)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    # Other results would be ten times as large.
    results = page.evaluate(
        """async (rules) => {
          const ending = (animation) => animation.effect.getComputedTiming().endTime < 1e9;
          document.getAnimations().filter(ending).forEach((animation) => animation.finish());
          const sticks = (element) => getComputedStyle(element).position === "sticky";
          const sticky = [...document.querySelectorAll("*")].filter(sticks);
          sticky.forEach((element) => element.style.setProperty("position", "relative"));
          const { violations } = await axe.run(rules);
          sticky.forEach((element) => element.style.removeProperty("position"));
          return violations;
        }""",
        rules,
    )
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in results
        for node in violation["nodes"]
    ]


def violations_by_theme(page: Page) -> list[str]:
    """Return what axe finds in light and, as far as it depends on colors, in dark. The page stays dark."""
    violations_found = []
    for theme, rules in zip(THEMES, (RULES, COLOR_RULES), strict=True):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        violations_found += [f"{theme}: {violation}" for violation in violations(page, rules)]
    return violations_found


def wait_for_current_badge(page: Page, holdfast: Holdfast) -> Locator:
    """Wait until the number of failures in the navigation is current, whatever other tests left, and return it."""

    def is_current() -> bool:
        items = holdfast.rest.get("/attention").json()["list"]
        number = sum(item["count"] for item in items if item["kind"] == "failing-backends")
        return badge.text_content() == str(number)

    badge = page.get_by_role("navigation", name="Main").locator("[href='/failures'] .badge-count")
    wait_until(is_current)
    return badge
