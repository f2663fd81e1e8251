"""Paths that a backend could resolve to somewhere outside its base path, in any encoding."""

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.gateway.resources.dot_segments import ESCAPING_HINTS, ESCAPING_PATH

pytestmark = pytest.mark.long

REFUSED = re.compile(ESCAPING_PATH)


def decodings(path: str) -> list[str]:
    """Return *path* as backends read it that decode it zero, one or two times, and remove tabs and line ends."""
    texts = [path.encode()]
    for _ in range(2):
        texts.append(unquote_to_bytes(texts[-1]))
    return [re.sub(r"[\t\r\n]", "", text.decode("latin-1")) for text in texts]


def leads_out(path: str) -> bool:
    """Return whether a decoding has a segment `..`, with or without parameters, between slashes or backslashes."""
    segments = [segment for text in decodings(path) for segment in re.split(r"[/\\]", text)[1:]]
    return any(re.split(r"[;?#\0]", segment)[0] == ".." for segment in segments)


def digits_of(character: str) -> st.SearchStrategy[str]:
    upper = [digit.upper() for digit in f"{ord(character):02x}"]
    return st.tuples(*(st.sampled_from([digit, digit.lower()]) for digit in upper)).map("".join)


def once(character: str) -> st.SearchStrategy[str]:
    return st.one_of(st.just(character), digits_of(character).map("%{}".format))


def encode(character: str) -> st.SearchStrategy[str]:
    """Return a strategy for a character: plain, encoded, or with parts of its encoding encoded again."""
    again = digits_of(character).flatmap(lambda digits: st.tuples(*map(once, f"%{digits}")).map("".join))
    return st.one_of(once(character), again)


characters = st.sampled_from("...///\\\\;;ab\0?#\t\r\n ").flatmap(encode)
paths = st.lists(characters, max_size=12).map("".join).map("/pub/1.0.0/{}".format)


@given(paths)
def test_every_path_that_leads_out_for_some_backend_is_rejected(path):
    if leads_out(path):
        assert REFUSED.fullmatch(path)


@given(paths)
def test_every_rejected_path_has_a_hint(path):
    """Gateways don't compare other paths with the expression."""
    if REFUSED.fullmatch(path):
        assert any(hint in path for hint in ESCAPING_HINTS)


@given(paths)
def test_only_paths_with_a_segment_that_begins_with_two_dots_are_rejected(path):
    if REFUSED.fullmatch(path):
        assert any(re.search(r"[/\\]\.\.", text) for text in decodings(path))


@given(st.tuples(*map(encode, "/..")), st.sampled_from(["", "/", "\\", ";", ";x=1/"]).flatmap(
    lambda ending: st.tuples(*map(encode, ending))
))  # fmt: skip
def test_every_encoding_of_a_dot_segment_is_rejected(segment, ending):
    assert REFUSED.fullmatch("/pub/1.0.0" + "".join(segment + ending))


@pytest.mark.parametrize(
    "path",
    [
        "/a/%c0%ae%c0%ae/b",
        "/a/..%c0%afb",
        "/a/..%c1%9cb",
        "/a/%e0%80%ae%e0%80%ae%e0%80%afb",
        "/a/%u002e%u002e%u002fb",
        "/a/..%u005Cb",
        "/a/%25252e%25252e/b",
        "/a/..%20/b",
        "/a/..%00",
    ],
)
def test_encodings_that_only_lenient_decoders_accept_are_rejected(path):
    assert REFUSED.fullmatch(path)


ORDINARY = (
    "/ /a /a/ /a%2Fb /a%2F%2Fb%5Cc /a/... /a/..b /a/%2e%2ehidden /a/b..%2fc /a/.%2fb /a.. /a/v1..v2 /a/%2E /a;x=../b"
    " /a/100%25 /a/%E2%80%A6/b /a/-..- /a%252Fb /a/b;c=d;e/f"
)


@pytest.mark.parametrize("path", ORDINARY.split())
def test_ordinary_paths_pass(path):
    assert not REFUSED.fullmatch(path)
