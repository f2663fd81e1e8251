"""
Suggested values for a new API, derived from its definition so that they are valid.
"""

import re
import unicodedata
from collections.abc import Iterator

from holdfast.apis.catalog.api import MAX_CONTEXT, MAX_DESCRIPTION, TENANT_PREFIX
from holdfast.apis.text import check_prose

MAX_VERSION = 30
_OTHERWISE = "api"
_NOT_IN_CONTEXT = re.compile(r"[^A-Za-z0-9._~-]+")
_NOT_IN_VERSION = re.compile(r"[^A-Za-z0-9._-]+")


def suggest_context(path: str, name: str) -> str:
    """Return a context from the base *path* of a definition or, if that has no usable part, from *name*."""
    context = _suggest_context(path) or _suggest_context(name.lower().replace("/", " ")) or _OTHERWISE
    if f"/{context}/".startswith(f"{TENANT_PREFIX}/"):  # reserved for organizations
        context = f"{_OTHERWISE}/{context}"
    return f"/{context}"


def number_context(context: str) -> Iterator[str]:
    """Yield *context*, then variants that end with a number."""
    yield context
    for number in range(2, 10_000):
        ending = f"-{number}"
        yield context[: MAX_CONTEXT - len(ending)].rstrip("/-") + ending


def suggest_version(version: str) -> str:
    """Return *version* as a valid path segment."""
    return _NOT_IN_VERSION.sub("-", _remove_accents(version)).strip("-._")[:MAX_VERSION] or "1.0"


def suggest_description(description: str) -> str:
    """Return *description* shortened to the limit, without characters that can't be stored."""
    text = description.strip()
    if not text.isprintable():
        text = "".join(character for character in text if _is_kept(character))
    return text if len(text) <= MAX_DESCRIPTION else f"{text[: MAX_DESCRIPTION - 1]}…"


def _suggest_context(path: str) -> str:
    segments = (
        _NOT_IN_CONTEXT.sub("-", _remove_accents(segment)).strip("-.") for segment in path[:MAX_DESCRIPTION].split("/")
    )
    context = ""
    for segment in filter(None, segments):
        if len(context) + 1 + len(segment) > MAX_CONTEXT:
            break
        context = f"{context}/{segment}" if context else segment
    return context


def _remove_accents(text: str) -> str:
    """Remove accents."""
    return "".join(
        character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character)
    )


def _is_kept(character: str) -> bool:
    try:
        check_prose(character, "description", "")
    except ValueError:
        return False
    return True
