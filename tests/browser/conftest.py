"""A real Chromium in front of a real Holdfast with a real backend."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from backends import Backend
from browser_path import find_chromium
from issuing import Issued, issue
from running import Holdfast, write_identity

HERE = Path(__file__).parent
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
# Chromium's sandbox cannot work for root; the pages are our own.
ARGUMENTS = ["--no-sandbox"] if os.geteuid() == 0 else []
TIMEOUT = 30_000  # milliseconds for each step and expectation: a bound for busy machines, not a promise of the pages
expect.set_options(timeout=TIMEOUT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("browser")
    with Holdfast(directory, gateway_identity=write_identity(directory, issue("127.0.0.1"))) as running:
        yield running


@pytest.fixture(scope="session")
def presented() -> Issued:
    return issue("localhost", common_name="localhost")


@pytest.fixture(scope="session")
def backend(presented: Issued) -> Iterator[Backend]:
    with Backend(presented) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, holdfast: Holdfast) -> Iterator[BrowserContext]:
    made = chromium.new_context(base_url=holdfast.publisher_url, viewport={"width": 1200, "height": 800})
    made.set_default_timeout(TIMEOUT)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; whatever its console complains of, but for answers that refuse something, fails the test."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "the server responded with a status of 4" not in message.text:
            complaints.append(message.text)

    made = context.new_page()
    made.on("console", listen)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    assert complaints == []


@pytest.fixture
def signed_in(page: Page, holdfast: Holdfast) -> Page:
    sign_in(page, holdfast)
    return page


def sign_in(page: Page, holdfast: Holdfast) -> None:
    page.goto("/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(holdfast.admin_password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="APIs", exact=True)).to_be_visible()


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA, after everything that moves has come to rest."""
    page.evaluate(
        "document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime < 1e9).map((a) => a.finish())"
    )
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['html']} {node['failureSummary']}" for each in found for node in each["nodes"]]
