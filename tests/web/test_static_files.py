"""Static files are compressed for browsers that accept it, and the style sheet has what pages use."""

import gzip
import re
from pathlib import Path

import pytest

from holdfast.web.static_files import DIRECTORY, STYLE_SHEETS, get_static_url

WEB = DIRECTORY.parent
ORIGINAL = DIRECTORY / "vendor/tabler-1.6.1.min.css"
USED = DIRECTORY / "css/tabler.css"
CLASS = re.compile(r"\.(-?[a-zA-Z_][\w-]*)")


@pytest.fixture(scope="module")
def anyone(connect, shared_runtime):
    return connect(shared_runtime)


@pytest.mark.parametrize("path", ["css/tabler.css", "js/app.js", "icons.svg"])
def test_a_file_is_compressed_and_revalidated(anyone, path):
    content = (DIRECTORY / path).read_bytes()
    answer = anyone.get(get_static_url(path), headers={"accept-encoding": "gzip, br"})
    assert (answer.content, answer.headers["content-encoding"]) == (content, "gzip")
    assert int(answer.headers["content-length"]) == len(gzip.compress(content, 9, mtime=0)) < len(content)
    assert "immutable" in answer.headers["cache-control"]
    again = anyone.get(f"/static/{path}", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "headers",
    [
        {"accept-encoding": "identity"},
        {"accept-encoding": "gzip;q=0"},
        {"accept-encoding": "gzip", "range": "bytes=0-9"},
    ],
)
def test_a_file_is_sent_as_it_is_to_others(anyone, headers):
    answer = anyone.get("/static/css/tabler.css", headers=headers)
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "accept-encoding"
    assert USED.read_bytes().startswith(answer.content)


def test_scripts_and_what_they_import_are_cached_until_one_changes(anyone):
    folder = get_static_url("js/app.js").removesuffix("app.js")
    names = re.findall(r'^import .*"\./([\w-]+\.js)";$', (DIRECTORY / "js/app.js").read_text(), re.MULTILINE)
    assert len(names) > 5
    for name in names:
        assert "immutable" in anyone.get(folder + name).headers["cache-control"]
    other = anyone.get("/static/js/0123456789ab/dialog.js")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
    assert anyone.get("/static/js/0123456789ab/unknown.js").status_code == 404


def test_pages_are_never_compressed(client):
    assert "content-encoding" not in client.get("/apis", headers={"accept-encoding": "gzip"}).headers


@pytest.mark.long
def test_the_style_sheet_has_every_class_of_tabler_that_a_page_can_use():
    """If this fails, run tools/styles.sh."""
    sources = [*WEB.glob("templates/**/*.html"), *WEB.glob("static/js/*.js")]
    words = {word for path in sources for word in re.findall(r"[\w-]+", path.read_text())}
    rules = re.sub(r"/\*.*?\*/", "", ORIGINAL.read_text(), flags=re.DOTALL)
    selectors = {selector for group in re.findall(r"([^{}]+)\{", rules) for selector in group.split(",")}
    usable = [set(CLASS.findall(selector)) for selector in selectors]
    classes_needed = set().union(*(classes for classes in usable if classes <= words))
    assert len(classes_needed) > 50
    assert classes_needed - set(CLASS.findall(USED.read_text())) == set()
    assert USED.stat().st_size < ORIGINAL.stat().st_size / 6


def test_every_variable_of_tabler_that_our_rules_use_is_defined():
    """If this fails, run tools/styles.sh."""
    sheets = "".join((DIRECTORY / "css" / name).read_text() for name in STYLE_SHEETS)
    variables = set(re.findall(r"var\((--[\w-]+)\)", sheets))
    assert variables - set(re.findall(r"(--[\w-]+)\s*:", sheets)) == set()


def test_every_style_sheet_is_loaded():
    assert {path.name for path in Path(DIRECTORY / "css").iterdir()} == set(STYLE_SHEETS)
