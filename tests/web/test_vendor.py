"""Vendored files match vendor.toml, and no page loads anything from another host."""

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "src/holdfast/web"
VENDOR = WEB / "static/vendor"
# Host names in .example can be shown, and never resolve (RFC 6761, section 6.5).
SHOWN = rb"www\.w3\.org/2000/svg\b|[a-z]+\.example\b"
FOREIGN = re.compile(rb"(?:https?:|(?<=[\"'(]))//(?!" + SHOWN + rb")[^\s\"'<>)]+", re.IGNORECASE)

TABLES = tomllib.loads((VENDOR / "vendor.toml").read_text("utf-8"))
ASSETS = [*TABLES["file"], TABLES["icons"]]


def foreign_hosts(web: Path) -> list[str]:
    files = [path for folder in ("templates", "static") for path in (web / folder).rglob("*") if path.is_file()]
    own = [path for path in files if not path.is_relative_to(web / "static/vendor")]
    return [f"{path.name}: {url.decode()}" for path in own for url in FOREIGN.findall(path.read_bytes())]


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset["name"])
def test_every_vendored_file_matches_vendor_toml(asset):
    assert hashlib.sha256((VENDOR / asset["name"]).read_bytes()).hexdigest() == asset["sha256"]


def test_nothing_in_vendor_is_missing_from_vendor_toml():
    files = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert files - {"vendor.toml"} == {asset["name"] for asset in TABLES["file"]}


def test_every_package_has_its_license():
    packages = {asset["package"].removeprefix("@").replace("/", "-") for asset in ASSETS}
    assert {path.stem for path in (VENDOR / "LICENSES").iterdir()} == packages


@pytest.mark.parametrize("sheet", sorted(VENDOR.glob("*.css")), ids=lambda sheet: sheet.name)
def test_a_vendored_style_sheet_loads_nothing(sheet):
    text = sheet.read_text("utf-8")
    assert "@import" not in text
    assert re.findall(r"url\((?![\"']?(?:data:|#))[^)]*", text) == []


def test_no_page_refers_to_another_host():
    assert foreign_hosts(WEB) == []


def test_the_sprite_has_exactly_the_icons_that_pages_show():
    sources = [path.read_text() for path in WEB.rglob("*") if path.suffix in {".html", ".py"}]
    symbols = set(re.findall(r'<symbol id="([^"]+)"', (WEB / "static/icons.svg").read_text()))
    words = {word for source in sources for word in re.findall(r'["#]([a-z0-9-]+)["#]', source)}
    names = {name for source in sources for name in re.findall(r'icon\("([^"]+)"\)', source)}
    assert names - symbols == set()
    assert symbols - words == set()


@pytest.mark.parametrize("url", ["https://cdn.test/x.js", "http://cdn.test", "//cdn.test/x.js"])
def test_a_reference_to_another_host_is_detected(tmp_path, url):
    (tmp_path / "templates").mkdir()
    page = f'<svg xmlns="http://www.w3.org/2000/svg"></svg><script src="{url}"></script>'
    (tmp_path / "templates/page.html").write_text(page)
    assert foreign_hosts(tmp_path) == [f"page.html: {url}"]


def test_the_tool_reports_every_difference(tmp_path):
    tool = tmp_path / "tools/vendor.py"
    tool.parent.mkdir()
    shutil.copy(ROOT / "tools/vendor.py", tool)
    vendor = tmp_path / VENDOR.relative_to(ROOT)
    shutil.copytree(VENDOR.parent, vendor.parent)
    name, missing = (asset["name"] for asset in TABLES["file"][:2])
    (vendor / name).write_text("something else")
    (vendor / missing).unlink()
    (vendor / "stray.js").touch()

    result = subprocess.run([sys.executable, tool, "--check"], check=False, capture_output=True, text=True)

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "stray.js is not listed in vendor.toml.",
        f"{name} is not the file that vendor.toml describes.",
        f"{missing} is missing.",
    ]
