"""The tutorial works: tests run its commands, compare their output, and follow its steps in a browser."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import ENFORCED, TIMEOUT
from databases import Databases
from holdfast.apis.wso2_wording import ADD_CERTIFICATE, GENERAL_ENDPOINT_CONFIGURATIONS
from ports import free_addresses
from running import COMMAND, START_WITHIN, wait_until

TUTORIAL = Path(__file__).parents[2] / "docs/tutorial/first-api.md"
BACKEND = "https://localhost:9443"  # in the tutorial, and here, if the port is free
LUNCH = "curl http://127.0.0.1:8280/lunch/1.0.0/menu"
BLOCK = re.compile(r"^( *)```console\n.*?^\1```\n", re.DOTALL | re.MULTILINE)


def read_sections() -> dict[str, list[tuple[str, str]]]:
    """Return each section's commands, with what each prints."""
    sections = {}
    for section in re.split(r"^## ", TUTORIAL.read_text(), flags=re.MULTILINE)[1:]:
        blocks = "".join(dedent(match[0]) for match in BLOCK.finditer(section))
        steps = re.findall(r"^\$ (.*)\n((?:(?!\$ |```).*\n)*)", blocks, re.MULTILINE)
        sections[section.partition("\n")[0]] = steps
    return sections


class Demo:
    """`holdfast up --demo` on free ports, with a separate home directory, and commands that a reader runs."""

    def __init__(self, home: Path, server_environment: dict[str, str]) -> None:
        self.home, self.output = home, home / "output"
        self.pictures = Path(os.environ.get("HOLDFAST_PICTURES", home))
        addresses = dict(zip(("publisher", "gateway", "sandbox"), free_addresses(3), strict=True))
        self.options = [f"--{name}={address}" for name, address in addresses.items()]
        self.publisher_url = f"http://{addresses['publisher']}"
        self.actual = dict(zip(("127.0.0.1:9080", "127.0.0.1:8280", "127.0.0.1:8281"), addresses.values(), strict=True))
        ambient = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "XDG_"))}
        path = f"{COMMAND.parent}:{os.environ['PATH']}"
        self.environment = ambient | {"HOME": str(home), "TMPDIR": str(home), "PATH": path} | server_environment

    def adapt(self, text: str) -> str:
        """Replace the addresses of the tutorial by those of this demo."""
        return re.sub("|".join(map(re.escape, self.actual)), lambda match: self.actual[match[0]], text)

    def run(self, command: str) -> str:
        """Run *command* as a reader does, with the demo's addresses; return what it prints."""
        quiet = self.adapt(command).replace("curl ", "curl -s ")
        process = subprocess.run(
            ["/bin/sh", "-c", quiet], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert process.returncode == 0, process.stderr
        return process.stdout


@pytest.fixture
def demo(tmp_path: Path, databases: Databases) -> Iterator[Demo]:
    demo = Demo(tmp_path, databases.environment())
    with demo.output.open("w") as output:
        arguments = [COMMAND, "up", "--demo", *demo.options]
        process = subprocess.Popen(arguments, env=demo.environment, stdout=output, stderr=output)
    try:
        match = wait_until(
            lambda: re.search(r"Backend +(\S+)(?s:.*)Repeat the request", demo.output.read_text()), START_WITHIN
        )
        demo.actual[BACKEND] = match[1]
        yield demo
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_WITHIN)


def assert_printed(demo: Demo, expected: str, output: str) -> None:
    """Compare what was printed with the tutorial, in which ... stands for any text."""
    pattern = r"(?s:.*)".join(re.escape(part) for part in re.split(r"\.\.\.", demo.adapt(expected).strip()))
    assert re.fullmatch(pattern, output.strip()), output


def find_cause(page: Page, demo: Demo) -> None:
    """Sign in and look at the page Failures."""
    page.goto("/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill((demo.home / ".local/share/holdfast/admin-password").read_text().strip())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Failures").click()
    expect(page.locator(".code-badge")).to_have_text("self_signed_not_trusted")
    take_picture(page, demo.pictures / "tutorial-failure.png")


def import_certificate(page: Page, demo: Demo) -> None:
    """Import the backend's certificate on the pages of Pizza Shack."""
    page.get_by_role("link", name="APIs", exact=True).first.click()
    page.get_by_role("link", name="Pizza Shack").click()
    page.get_by_role("link", name="Endpoints").click()
    page.get_by_text(GENERAL_ENDPOINT_CONFIGURATIONS).click()
    page.get_by_role("button", name=ADD_CERTIFICATE).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Alias").fill("pizza-shack")
    certificate = demo.home / ".local/share/holdfast/demo/backend.pem"
    dialog.get_by_label("Certificate", exact=True).set_input_files(certificate)
    dialog.get_by_role("button", name="Test against the endpoint").click()
    expect(dialog.locator(".verdict-accepted")).to_be_visible()
    dialog.locator(".verdict-accepted").scroll_into_view_if_needed()
    take_picture(page, demo.pictures / "tutorial-test.png")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    row = page.get_by_role("rowgroup").filter(has_text="pizza-shack")
    expect(row.locator(ENFORCED)).to_be_visible()
    address = f"{page.url.partition('?')[0]}?certificates"

    def shows_trusted() -> bool:
        page.goto(address)
        return page.locator("[data-watch=trusted]").is_visible()

    wait_until(shows_trusted, within=90)  # until the backend is checked again
    row.scroll_into_view_if_needed()
    take_picture(page, demo.pictures / "certificates.png")


def take_picture(page: Page, path: Path) -> None:
    """Write what the browser shows, after everything that moves has come to rest."""
    page.mouse.move(0, 0)
    page.evaluate("document.getAnimations().map((animation) => animation.finish())")
    page.screenshot(path=path)


def publish_api(page: Page, demo: Demo) -> None:
    """Create and publish another API with the same backend."""
    page.get_by_role("link", name="APIs", exact=True).first.click()
    page.get_by_text("Create API").first.click()
    values = {"Name": "Lunch", "Context": "/lunch", "Version": "1.0.0", "Endpoint": demo.actual[BACKEND]}
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("link", name="Lifecycle").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    wait_until(lambda: "menu" in demo.run(LUNCH))


def stop_trusting(page: Page, demo: Demo) -> None:
    """Delete the certificate, which both APIs use, and restore it."""
    page.get_by_role("link", name="Endpoints").click()
    page.get_by_text(GENERAL_ENDPOINT_CONFIGURATIONS).click()
    page.get_by_role("button", name="Delete certificate").click()
    dialog = page.get_by_role("dialog")
    for name in ("Pizza Shack 1.0.0", "Lunch 1.0.0"):
        expect(dialog.get_by_text(name)).to_be_visible()
    dialog.get_by_role("button", name="Delete").click()
    wait_until(lambda: "backend_not_trusted" in demo.run(LUNCH))
    page.get_by_text("Removed certificates").click()
    page.get_by_role("button", name="Restore").click()
    wait_until(lambda: "Margherita" in demo.run(LUNCH))


# What a reader does on the pages, before the commands of the section.
ON_PAGES = {
    "3. See why": find_cause,
    "4. Import the certificate": import_certificate,
    "6. Publish an API yourself": publish_api,
    "7. Stop trusting the backend": stop_trusting,
}


def test_a_reader_gets_from_nothing_to_a_served_api(demo: Demo, chromium: Browser):
    sections = read_sections()
    assert sections.keys() >= ON_PAGES.keys()
    assert [len(commands) for commands in sections.values()] == [1, 1, 0, 0, 1, 1, 0, 0, 0]
    with chromium.new_context(base_url=demo.publisher_url, viewport={"width": 1200, "height": 800}) as context:
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        for section, commands in sections.items():
            if section in ON_PAGES:
                ON_PAGES[section](page, demo)
            for command, output in commands:
                result = demo.output.read_text() if command == "holdfast up --demo" else demo.run(command)
                assert_printed(demo, output, result)
    is_file = (demo.home / ".local/share/holdfast/holdfast.sqlite").exists()
    assert is_file != ("HOLDFAST_DATABASE" in demo.environment)
