"""The texts that WSO2's instructions and clients depend on are in one module."""

import re
from pathlib import Path

import pytest

import holdfast
from holdfast.apis import wso2_wording

SOURCES = Path(holdfast.__file__).parent
WORDING = {name: text for name, text in vars(wso2_wording).items() if name.isupper()}
OTHERS = [
    path
    for layer in ("apis", "demo", "rest", "services", "web")
    for path in (SOURCES / layer).rglob("*")
    if path.suffix in {".py", ".html", ".js"} and path.name != "wso2_wording.py" and "help" not in path.parts
]


def repeats(source: str, text: str) -> bool:
    """Return whether *source* contains *text*, with code such as {{ entry.alias }} where it has a name in braces."""
    parts = [re.escape(part) for part in re.split(r"{\w+}", text)]
    return re.search(r"{{?[^{}]+}}?".join(parts), source) is not None


@pytest.mark.parametrize("name", WORDING)
def test_no_other_module_or_template_repeats_a_text_of_wso2(name: str):
    assert [path.name for path in OTHERS if repeats(path.read_text("utf-8"), WORDING[name])] == []


@pytest.mark.parametrize("source", ["<h2>Details of {{ entry.alias }}</h2>", 'f"Details of {alias}"'])
def test_a_repeated_text_is_noticed(source: str):
    assert repeats(source, wso2_wording.DETAILS_OF)


def test_each_text_of_wso2_is_used():
    words = {word for path in OTHERS for word in re.findall(r"\b[A-Z_]+\b", path.read_text("utf-8"))}
    assert WORDING.keys() <= words
