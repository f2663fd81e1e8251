"""JSON and YAML that others wrote: read as values, and refused before they become work."""

import json

import pytest

from holdfast.apis.documents import MAX_BYTES, read_document, write_yaml
from holdfast.apis.errors import UnreadableDocument

LAUGHS = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 118)
)
MERGED = b"a: &a {k: v}\n" + b"".join(
    b"%c: &%c {<<: [%s]}\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 118)
)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (b"\xef\xbb\xbf{}", {}),
        (b"a:\n  200: x\n  true: y\n  null: z\n", {"a": {"200": "x", "true": "y", "null": "z"}}),
        (b"{a: b}", {"a": "b"}),
        (b"date: 2020-01-01", {"date": "2020-01-01"}),
        (b"a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("ä: 🍕".encode(), {"ä": "🍕"}),
    ],
)
def test_documents_become_plain_values(data, value):
    assert read_document(data) == value


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"x" * (MAX_BYTES + 1), "larger"),
        (b"[" * 1_000_000, "nest"),
        (b"- " * 1_000_000, "nested"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "nest"),
        (LAUGHS, "grows too large"),
        (MERGED, "grows too large"),
        (b"a: &a\n  b: *a\n", "refers to itself"),
        (b"[" + b"x," * 600_000 + b"]", "too many for YAML"),
        (b"!!python/object/apply:os.system ['id']", "constructor"),
        (b"a: !!binary aGk=", "JSON does not have"),
        (b"? [a, b]\n: c\n", "neither JSON nor YAML"),
        (b"a: b\n---\nc: d\n", "neither JSON nor YAML"),
        (b"a: .inf", "infinite"),
        (b'{"a": NaN}', "infinite"),
        (b'{"a": "\\ud800"}', "no text"),
        (b'{"a": "\\u0000"}', "no text"),
        (b"a: 'b", "line"),
        (b"a: *nobody", "alias"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "neither JSON nor YAML"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_document_or_too_much_of_one_is_refused(data, says):
    with pytest.raises(UnreadableDocument, match=says):
        read_document(data)


def test_what_is_written_as_yaml_is_read_again():
    shared = ["no", "2020-01-01", "1.0", "null", "ä\n b", ""]
    value = {"a": shared, "b": shared, "200": {"c": None, "d": True, "e": 1.5}}
    written = write_yaml(value)
    assert read_document(written.encode()) == value
    assert "*" not in written
    assert read_document(json.dumps(value).encode()) == value
