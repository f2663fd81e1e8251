"""Untrusted JSON and YAML: read as values, and refused before they take much work."""

import json
from contextlib import suppress
from time import process_time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.definitions import nodes
from holdfast.apis.definitions.documents import MAX_BYTES, MAX_NODES, read_document, write_yaml
from holdfast.apis.errors import UnreadableDocument

LAUGHS = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 118)
)
MERGED = b"a: &a {k: v}\n" + b"".join(
    b"%c: &%c {<<: [%s]}\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 118)
)
# Each alias adds 90 levels.
STAIRS = b"a: &a " + b"[" * 90 + b"]" * 90 + b"\nb: " + b"[" * 20 + b"*a" + b"]" * 20 + b"\n"
# Documents of the maximum size that take or took much work.
HOSTILE = {
    "numbers of base 60": b"a: " + b"1:" * 450_000 + b"1",
    "a long integer": b"a: " + b"9" * 2_000_000,
    "a long hexadecimal": b"a: 0x" + b"f" * 2_000_000,
    "a long float": b"a: 0." + b"1" * 2_000_000,
    "many integers": b"a: [" + b",".join([b"9" * 1_000] * 2_000) + b"]",
    "almost a number": b"a: " + b"1" * 2_000_000 + b"x",
    "an integer in JSON": b'{"a": ' + b"9" * 2_000_000 + b"}",
    "directives": b"".join(b"%%TAG !%d! x\n" % number for number in range(120_000)) + b"--- a",
    "anchors": b"".join(b"- &a%d x\n" % number for number in range(95_000)),
    "values": b"[" + b"x," * MAX_NODES + b"]",
    "aliases": b"- &a x\n" + b"- *a\n" * 95_000,
    "merges": b"a: &a {x: 1}\nb:\n  <<: [" + b"*a," * 40_000 + b"]",
    "names": b"".join(b"k%d: v\n" % number for number in range(49_000)),
    "blank lines": b"\n" * 2_000_000 + b"a: b",
    "escapes": b'a: "' + b"\\\n" * 1_000_000 + b'"',
    "plain lines": b"a: " + b"x\n " * 650_000,
    "open lists": b"[" * 2_000_000,
    "documents": b"---\n" * 500_000,
    "colons": b":" * 2_000_000,
}


@pytest.fixture(params=["libyaml", "Python"])
def _both_readers(request, monkeypatch):
    assert yaml.__with_libyaml__
    if request.param == "Python":
        monkeypatch.setattr(nodes, "_LOADER", yaml.SafeLoader)


@pytest.mark.usefixtures("_both_readers")
@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (b"\xef\xbb\xbf{}", {}),
        (b"\xef\xbb\xbfa: b", {"a": "b"}),
        (b"a:\n  200: x\n  true: y\n  1.10: z\n  ~: 1", {"a": {"200": "x", "true": "y", "1.10": "z", "~": 1}}),
        (b"{a: b}", {"a": "b"}),
        (b"%YAML 1.2\n---\na: b", {"a": "b"}),
        (b"date: 2020-01-01", {"date": "2020-01-01"}),
        (b"a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        (b"a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        (b"a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        (
            b"a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne:\n  <<: [*x, *y]",
            {"a": {"b": 1}, "c": {"b": 2, "d": 3}, "e": {"b": 1, "d": 3}},
        ),
        (b"'<<': {a: 1}", {"<<": {"a": 1}}),
        ("ä: 🍕".encode(), {"ä": "🍕"}),
    ],
)
def test_documents_become_plain_values(data, value):
    assert read_document(data) == value


@pytest.mark.usefixtures("_both_readers")
@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        # https://yaml.org/spec/1.2.2/#1032-tag-resolution
        *((text, None) for text in ("", "~", "null", "Null", "NULL")),
        *((text, True) for text in ("true", "True", "TRUE")),
        *((text, False) for text in ("false", "False", "FALSE")),
        *(("0", 0), ("-12", -12), ("+3", 3), ("0o17", 15), ("0x1F", 31), ("0777", 777), ("00", 0)),
        *(("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("+12e03", 12000.0), ("-2E-1", -0.2), ("0.", 0.0)),
        # Texts that YAML 1.1 reads as something else, and texts that are almost numbers.
        *((text, text) for text in ("yes", "No", "on", "OFF", "y", "n", "nULL", "tRUE")),
        *((text, text) for text in ("1:30", "190:20:30.15", "1_000", "0b11", "-0x1F", "-0o7", "0o8", "0xG")),
        *((text, text) for text in ("2001-12-14t21:59:43.10-05:00", "=", "1e", ".", "+", "-x", "e3", "١")),
        *(('"1"', "1"), ("'true'", "true"), ("!!str 1", "1"), ("! 1", "1"), ("!!int 1", 1), ("!!float 1", 1)),
        *(("!!int '1'", 1), ("!!null ''", None), ("!!bool true", True)),
    ],
)
def test_scalars_mean_what_the_core_schema_says(scalar, value):
    (result,) = read_document(f"a: {scalar}\n".encode()).values()
    assert (result, type(result)) == (value, type(value))


@pytest.mark.usefixtures("_both_readers")
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"x" * (MAX_BYTES + 1), "larger"),
        (b"- " * 1_000_000, "nested"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "nest"),
        (LAUGHS, "has more than 100,000 values"),
        (MERGED, "has more than 100,000 values"),
        (b"a: &a " + b"x" * 1_000_000 + b"\nb: [*a, *a, *a, *a]", "4,194,304 characters"),
        (STAIRS, "Line 2: It is nested more than 100 levels deep"),
        (b"a: &a\n  b: *a\n", "Line 2: .*refers to itself"),
        (b"x: 1\na: !!python/object/apply:os.system ['id']", "Line 2: .*is a tag"),
        (b"a: !!binary aGk=", "doesn't match the value"),
        (b"a: !!int x", "!!int doesn't match the value"),
        (b"a: !!int true", "!!int doesn't match the value"),
        (b"a: !!set {x}", "is a tag"),
        (b"? [a, b]\n: c\n", "can't be read as JSON or YAML"),
        (b"a: b\n---\nc: d\n", "A second document"),
        (b"a: b\nc: d\na: d\n", "Line 3: a occurs twice"),
        (b"a: {<<: 1}", "<< can only merge mappings"),
        (b"a: .inf", "infinite"),
        (b"a: -.INF", "infinite"),
        (b"a: .nan", "infinite"),
        (b"a: 1e999", "infinite"),
        (b'{"a": NaN}', "infinite"),
        (b'{"a": "\\ud800"}', "aren't text"),
        (b'{"a": "\\u0000"}', "aren't text"),
        (b"a:\n  b: 'b", "Line 2: "),
        (b"a: *nobody", "alias"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "more than 1,000 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_invalid_and_too_large_documents_are_refused(data, says):
    with pytest.raises(UnreadableDocument, match=says):
        read_document(data)


@pytest.mark.long
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_document_takes_long(kind):
    assert measure(HOSTILE[kind]) < 5  # measured: 1 s at most


@pytest.mark.long
@pytest.mark.parametrize("kind", ["numbers of base 60", "anchors", "escapes", "directives"])
def test_the_time_is_bounded_without_libyaml_too(kind, monkeypatch):
    monkeypatch.setattr(nodes, "_LOADER", yaml.SafeLoader)
    assert measure(HOSTILE[kind][: MAX_BYTES // 10]) < 5  # measured: 1 s at most, and ten times that for all


def measure(data):
    start = process_time()
    with suppress(UnreadableDocument):
        json.dumps(read_document(data[:MAX_BYTES]))
    return process_time() - start


@given(st.text("[]{}:-&*!|>'\"%@#? <\nab01.~", max_size=60))
def test_both_yaml_readers_return_the_same_value(text):
    """Each accepts a few texts that the other rejects, such as `|#`, or a tab in some places."""
    values = []
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch, suppress(UnreadableDocument):
            patch.setattr(nodes, "_LOADER", loader)
            values.append(read_document(text.encode()))
    assert all(value == values[0] for value in values)


def test_written_yaml_is_read_as_the_same_value():
    shared = [
        "no",
        "2020-01-01",
        "1.0",
        "null",
        "ä\n b",
        "",
        "0o17",
        "0x1F",
        "1e3",
        "1.",
        "+1",
        "08",
        "1:30",
        "<<",
        "=",
    ]
    value = {"a": shared, "b": shared, "200": {"c": None, "d": True, "e": 1.5}, "0o17": 1e22, "<<": {"f": -1e-7}}
    text = write_yaml(value)
    assert read_document(text.encode()) == value
    assert "*" not in text
    assert read_document(json.dumps(value).encode()) == value
