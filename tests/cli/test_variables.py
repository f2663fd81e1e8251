"""Variables and overlays adapt files to an environment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.errors import InvalidField
from holdfast.cli.declaration.fields import InvalidFiles
from holdfast.cli.declaration.reader import read_desired_state
from holdfast.cli.declaration.variables import MAX_EXPANDED, escape, expand, read_variables
from holdfast.cli.failures import InvalidUsage
from issuing import issue

BASE = """
holdfast: 1
apis:
  - name: Orders
    context: /orders
    version: 1
    description: base
    production: ${BACKEND:-https://dev.example}
    sandbox: https://sandbox.example
    productionConnection: {protocol: http2, rewriteResponses: false}
    environments: [Default, eu]
certificates:
  - {alias: orders, endpoint: "${BACKEND:-https://dev.example}", file: a.pem}
trust:
  - {endpoint: "${BACKEND:-https://dev.example}", tlsMinimum: "${TLS:-1.2}", names: ["${NAME:-a.example}"]}
"""


@pytest.fixture
def read(tmp_path):
    (tmp_path / "a.pem").write_bytes(issue("a").pem)
    (tmp_path / "base.yaml").write_text(BASE)

    def read(*overlays, text=BASE, **variables):
        (tmp_path / "base.yaml").write_text(text)
        names = []
        for number, overlay in enumerate(overlays):
            (tmp_path / f"patches{number}").mkdir(exist_ok=True)
            names.append(str(tmp_path / f"patches{number}/patch.yaml"))
            (tmp_path / f"patches{number}/patch.yaml").write_text(f"holdfast: 1\n{overlay}")
        return read_desired_state([str(tmp_path / "base.yaml")], names, variables)

    return read


def list_problems(read, *overlays, **more):
    with pytest.raises(InvalidFiles) as error:
        read(*overlays, **more)
    return [line.partition("/base.yaml:")[2] or line for line in error.value.lines]


def test_variables_are_replaced_in_values(read):
    declarations = read(BACKEND="https://prod.example", TLS="1.3", NAME="b.example")
    assert declarations.apis["orders", "1"].origins == {"https://prod.example", "https://sandbox.example"}
    assert declarations.certificates["orders"].origin == "https://prod.example"
    settings = declarations.trust["https://prod.example"].settings
    assert (settings["tlsMinimum"], settings["names"]) == ("1.3", ["b.example"])
    assert read().trust["https://dev.example"].settings["tlsMinimum"] == "1.2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "1"),
        ("x${A}y${B:-2}", "x1y2"),
        ("${EMPTY}", ""),
        ("${EMPTY:-default}", "default"),
        ("${MISSING:-}", ""),
        ("$${A}", "${A}"),
        ("$A $ {A} 5$", "$A $ {A} 5$"),
        ("${REFERENCE}", "${A}"),
    ],
)
def test_references_are_expanded_once(text, value):
    assert expand(text, {"A": "1", "EMPTY": "", "REFERENCE": "${A}"}) == value


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${A-B}", "${1}", "${A:-${B}}", "${A:+x}"])
def test_malformed_references_are_rejected(text):
    with pytest.raises(InvalidField):
        expand(text, {"A": "1", "B": "2"})


@given(st.text())
def test_escaped_text_is_read_unchanged(text):
    assert expand(escape(text), {}) == text


def test_a_missing_variable_is_reported_with_file_and_line(read):
    text = BASE.replace("description: base", "description: ${TEAM}")
    assert list_problems(read, text=text) == [
        "7: apis[0].description: The variable TEAM isn't set. Use --var TEAM=VALUE, or set HOLDFAST_VAR_TEAM."
    ]


def test_the_expanded_length_is_limited(read):
    assert "longer than" in list_problems(read, text=BASE.replace("base", "${A}${A}"), A="x" * (MAX_EXPANDED - 1))[0]


def test_values_of_variables_are_never_yaml(read):
    declarations = read(text=BASE.replace("description: base", "description: ${D}"), D="a\nstate: published")
    assert declarations.apis["orders", "1"].description == "a\nstate: published"
    assert declarations.apis["orders", "1"].state is None


def test_variables_in_certificates_are_not_replaced(read):
    text = "holdfast: 1\ncertificates:\n- {alias: a, endpoint: 'https://a', pem: '${PEM}'}"
    assert "pem: " in list_problems(read, text=text, PEM=issue("a").pem.decode())[0]


def test_only_variables_with_the_prefix_can_be_used():
    environment = {"HOLDFAST_TOKEN": "secret", "HOLDFAST_VAR_A": "1", "AWS_KEY": "secret"}
    assert read_variables([], environment) == {"A": "1"}
    assert read_variables(["A=2", "B=x=y"], environment) == {"A": "2", "B": "x=y"}
    for wrong in ("A", "=1", "a-b=1"):
        with pytest.raises(InvalidUsage):
            read_variables([wrong], environment)


def test_an_overlay_replaces_fields_of_the_entry_with_its_key(read, tmp_path):
    (tmp_path / "patches0").mkdir()
    (tmp_path / "patches0/b.pem").write_bytes(issue("b").pem)
    overlay = """
apis:
  - name: ORDERS
    version: 1
    production: https://prod.example
    sandbox: null
    productionConnection: {protocol: http1}
    environments: [us]
certificates:
  - {alias: orders, endpoint: "https://prod.example", file: b.pem}
trust:
  - {endpoint: "https://dev.example", anchors: public}
"""
    declarations = read(overlay)
    api = declarations.apis["orders", "1"]
    assert (api.context, api.description, api.environments) == ("/orders", "base", ("us",))
    assert api.origins == {"https://prod.example"}
    assert api.production_connection.members == {"protocol": "http1"}
    assert declarations.certificates["orders"].certificates[0].subject == "CN=b"
    settings = declarations.trust["https://dev.example"].settings
    assert (settings["anchors"], settings["names"]) == ("public", ["a.example"])


def test_later_overlays_win_and_new_entries_are_added(read):
    first = "apis:\n- {name: Orders, version: 1, description: first}\n- {name: New, context: /new, version: 1}"
    second = "apis:\n- {name: Orders, version: 1, description: second}\n- {name: New, version: 1, description: newer}"
    declarations = read(first, second)
    assert {api.name: api.description for api in declarations.apis.values()} == {"Orders": "second", "New": "newer"}


def test_problems_in_an_overlay_name_its_line(read):
    lines = list_problems(read, "apis:\n- name: Orders\n  version: 1\n  state: sold\n  colour: red")
    assert [line.partition("patches0/")[2].split(": ")[:2] for line in lines] == [
        ["patch.yaml:5", "apis[0].state"],
        ["patch.yaml:6", "apis[0].colour"],
    ]
    assert "context: This field is required." in list_problems(read, "apis: [{name: Ordres, version: 1}]")[0]


def test_files_with_different_labels_are_not_applied_together(read, tmp_path):
    assert read("label: team-a").label == "team-a"
    lines = list_problems(read, "label: team-a", "label: team-b")
    assert len(lines) == 1
    with pytest.raises(InvalidUsage):
        read_desired_state([str(tmp_path / "patches0/patch.yaml")], label="team-b")
