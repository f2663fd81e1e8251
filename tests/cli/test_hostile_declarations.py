"""Invalid or malicious files for `holdfast apply` are rejected with file, line and field."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cli.answering import answering
from holdfast.apis.definitions import nodes
from holdfast.apis.definitions.core_schema import is_null
from holdfast.apis.definitions.nodes import Bounds, InvalidYaml, Mapping, Scalar, read_nodes
from holdfast.cli.declaration.export import write_document
from issuing import issue

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)
)

BOUNDS = Bounds(depth=8, nodes=1_000, characters=100_000)


@pytest.fixture(autouse=True, params=["libyaml", "Python"])
def _both_readers(request, monkeypatch):
    assert yaml.__with_libyaml__
    if request.param == "Python":
        monkeypatch.setattr(nodes, "_LOADER", yaml.SafeLoader)


@pytest.fixture
def refusal(guest, tmp_path):
    """Apply a file; check that it is rejected without any request, and return the problems."""

    def refusal(text: str | bytes) -> list[str]:
        file = tmp_path / "a.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        with answering() as server:
            message = guest.fail("apply", "-f", file, "--yes", HOLDFAST_URL=server.url, HOLDFAST_TOKEN="abc")
            assert server.requests == []
        first, *lines = message.splitlines()
        assert first == "holdfast: Nothing was changed."
        return [line.strip().removeprefix(f"{tmp_path}/") for line in lines]

    return refusal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "a.yaml:2: *a is an alias. Aliases aren't supported: write the value out."),
        ("holdfast: &a [*a]", "a.yaml:1: *a is an alias. Aliases aren't supported: write the value out."),
        (
            "a: 1\nb: !!python/object/apply:os.system [id]",
            "a.yaml:2: tag:yaml.org,2002:python/object/apply:os.system is a tag",
        ),
        ("a: !secret x", "a.yaml:1: !secret is a tag. Tags aren't supported: remove it."),
        ("[" * 500, "a.yaml:1: It is nested more than 8 levels deep. Flatten it."),
        ("[" * 100_000, ("a.yaml:1: Invalid YAML: ", "a.yaml:1: It is nested more than 8 levels deep.")),
        ("- " * 1_000, "a.yaml:1: It is nested more than 8 levels deep. Flatten it."),
        ("holdfast: 1\n---\nholdfast: 1", "a.yaml:2: A second document begins. Put it in a separate file."),
        ("holdfast: 1\nholdfast: 1", "a.yaml:2: holdfast occurs twice. Remove one."),
        ("[a]: 1", "a.yaml:1: A key must be text, not a list or a mapping."),
        ("holdfast: 1\napis: [\n", "a.yaml:"),
        ("holdfast: 1\n\tapis: 2", "a.yaml:2: Invalid YAML: "),
        (b"holdfast: 1\napis: \xff", "a.yaml:2: It isn't UTF-8. Save it as UTF-8."),
        ("holdfast: 1\napis: \x07", "a.yaml:1: Invalid YAML: it contains a character that isn't text."),
        ("", "a.yaml:1: holdfast: Each file needs holdfast: 1, the version of the format."),
        ("just words", "a.yaml:1: Expected a mapping."),
        ("holdfast: 2", "a.yaml:1: holdfast: Each file needs holdfast: 1, the version of the format."),
    ],
)
def test_invalid_files_are_rejected(refusal, text, message):
    assert refusal(text)[0].startswith(message)


def test_all_problems_are_reported_together_with_line_and_field(refusal, tmp_path):
    (tmp_path / "key.pem").write_bytes(issue("a").key_pem)
    text = """holdfast: 1
colour: red
apis:
  - name: [Pizza]
    context: /t/pizza
    version:
    state: open
    production: ftp://x
    password: hunter2
  - 7
certificates:
  - alias: a b
    endpoint: http://x
    file: key.pem
  - alias: both
    endpoint: https://x
    file: key.pem
    pem: x
  - {alias: none, endpoint: https://x}
  - {alias: gone, endpoint: https://x, file: gone.pem}
trust:
  - endpoint: https://x.example
    names: foo
    anyName: maybe
    spkiPins: [zz]
    crlFile: key.pem
  - endpoint: https://y.example
    tlsMinimum: 1.3
    tlsMaximum: 1.2
"""
    lines_of_refusal = refusal(text)
    starts = [
        "a.yaml:2: colour: Unknown field. Valid fields: holdfast, label, apis, certificates,",
        "a.yaml:4: apis[0].name: Expected text.",
        "a.yaml:5: apis[0].context: The context can't begin with /t/",
        "a.yaml:6: apis[0].version: This field is required.",
        "a.yaml:7: apis[0].state: Use one of created, prototyped, published, blocked, deprecated, retired.",
        "a.yaml:8: apis[0].production: The URL must begin with https:// or http://.",
        "a.yaml:9: apis[0].password: Unknown field.",
        "a.yaml:10: apis[1]: Expected a mapping.",
        "a.yaml:12: certificates[0].alias: Aliases can't contain spaces",
        "a.yaml:13: certificates[0].endpoint: An http backend doesn't present a certificate.",
        "a.yaml:14: certificates[0].file: Block 1 of 1 is a private key.",
        "a.yaml:18: certificates[1].pem: Use either file or pem, not both.",
        "a.yaml:19: certificates[2].file: Set file to a certificate file, or pem to PEM text.",
        "a.yaml:20: certificates[3].file: ",
        "a.yaml:23: trust[0].names: Expected a list of texts.",
        "a.yaml:24: trust[0].anyName: Use true or false.",
        "a.yaml:25: trust[0].spkiPins: 'zz' isn't a SHA-256 fingerprint",
        "a.yaml:26: trust[0].crlFile: The file can't be used as a CRL",
        "a.yaml:28: trust[1].tlsMinimum: The minimum TLS version is above the maximum. Lower it, or raise the maximum.",
    ]
    assert [start for start in starts if not any(line.startswith(start) for line in lines_of_refusal)] == []
    assert len(lines_of_refusal) == len(starts)
    assert "hunter2" not in "".join(lines_of_refusal)


def test_inline_content_is_rejected_with_its_own_line(refusal):
    key = "".join(f"      {line}\n" for line in issue("a").key_pem.decode().splitlines())
    text = f"""holdfast: 1
certificates:
  - alias: a
    endpoint: https://x
    keepPrevious: maybe
    pem: |
{key}  - alias: b
    endpoint: https://x
    previousPem:
      no certificate
    file: missing.pem
    typo:
      x
trust:
  - endpoint: https://x
    crls: no list
"""
    after = 6 + key.count("\n")
    assert [line.split(": ")[:2] for line in refusal(text)] == [
        ["a.yaml:6", "certificates[0].pem"],
        ["a.yaml:5", "certificates[0].keepPrevious"],
        [f"a.yaml:{after + 5}", "certificates[1].file"],
        [f"a.yaml:{after + 3}", "certificates[1].previousPem"],
        [f"a.yaml:{after + 6}", "certificates[1].typo"],
        [f"a.yaml:{after + 10}", "trust[0].crls"],
    ]


def test_the_number_of_reported_problems_is_limited(refusal):
    lines_of_refusal = refusal("holdfast: 1\napis:\n" + "  - 7\n" * 1000)
    assert (len(lines_of_refusal), lines_of_refusal[-1]) == (51, "and 950 more.")


def test_a_file_that_is_too_large_is_not_read(guest, tmp_path):
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert "larger than 16384 KiB" in guest.fail("apply", "-f", tmp_path / "a.yaml", "--yes")


def test_a_directory_without_files_is_reported(guest, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "has no .yaml or .yml files." in guest.fail("diff", "-f", tmp_path / "empty")


def test_numbers_are_read_as_written():
    node = read_nodes(b"version: 1.10\nminimum: 0x10\ncountry: no\nquoted: '~'\nnothing: ~", BOUNDS)
    assert isinstance(node, Mapping)
    scalars = {name: value for name, value in node.entries.items() if isinstance(value, Scalar)}
    assert [scalar.text for scalar in scalars.values()] == ["1.10", "0x10", "no", "~", "~"]
    assert [is_null(scalar) for scalar in scalars.values()] == [False, False, False, False, True]


def refuse(data: bytes) -> int | None:
    try:
        read_nodes(data, BOUNDS)
    except InvalidYaml as error:
        return error.line
    return None


@given(st.binary(max_size=200) | st.text("[]{}:-&*!|>'\"%@# \n\tab", max_size=80).map(str.encode))
def test_any_content_is_either_read_or_rejected_with_a_line(data):
    lines = range(1, data.count(b"\n") + data.count(b"\r") + 3)
    assert refuse(data) in {None, *lines}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_every_exported_text_is_read_unchanged(text):
    node = read_nodes(write_document({"description": text, "pem": text}).encode(), BOUNDS)
    assert isinstance(node, Mapping)
    assert [scalar.text for scalar in node.entries.values() if isinstance(scalar, Scalar)] == [text, text]
