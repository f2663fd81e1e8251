"""`holdfast validate` checks files without a publisher."""

import pytest

from issuing import DAY, issue

FILE = """
holdfast: 1
apis:
  - {name: Orders, context: /orders, version: 1, production: "https://orders.example"}
certificates:
  - {alias: orders, endpoint: "https://orders.example", file: a.pem}
"""


@pytest.fixture
def validate(guest, tmp_path):
    """Validate a file; return how the command ended."""
    (tmp_path / "a.pem").write_bytes(issue("orders.example").pem)

    def validate(*arguments, text=FILE):
        (tmp_path / "a.yaml").write_text(text)
        return guest("validate", tmp_path / "a.yaml", *arguments)

    return validate


def test_valid_files_need_no_publisher(validate):
    result = validate()
    assert (result.code, result.errors) == (0, "")
    assert result.output.endswith("The files are valid: 1 API, 1 endpoint certificate.\n")
    assert validate("--json").json["valid"] is True


def test_files_are_named_as_for_diff_and_apply_or_as_arguments(validate, guest, tmp_path):
    valid = validate()
    assert guest("validate", "-f", tmp_path / "a.yaml").output == valid.output
    assert "Name the files" in guest.fail("validate", code=2)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("context: /orders", "context: /t/orders", "a.yaml:4: apis[0].context: The context can't begin with"),
        ("file: a.pem", "file: b.pem", "a.yaml:6: certificates[0].file: Can't read"),
        ("version: 1,", "version: '${VERSION}',", "a.yaml:4: apis[0].version: The variable VERSION isn't set."),
        ("file: a.pem", "file: a.yaml", "a.yaml:6: certificates[0].file: "),
        (
            "certificates:",
            "  - {name: Other, context: /orders, version: 1}\ncertificates:",
            "a.yaml:5: apis[1].context: The context /orders is already used",
        ),
        (
            "certificates:",
            "  - {name: orders, context: /orders, version: 1}\ncertificates:",
            "a.yaml:5: apis[1]: Duplicate API orders 1, first at",
        ),
    ],
)
def test_problems_name_file_line_and_field(validate, before, after, message):
    text = FILE.replace(before, after)
    result = validate(text=text)
    assert (result.code, result.output) == (1, "")
    assert result.errors.startswith("holdfast: The files are invalid.\n")
    assert message in result.errors
    as_json = validate("--json", text=text)
    assert (as_json.code, as_json.json["valid"]) == (1, False)
    assert message in as_json.json["errors"][0]


def test_expired_certificates_are_rejected(validate, tmp_path):
    (tmp_path / "a.pem").write_bytes(issue("orders.example", start=-10 * DAY, end=-1 * DAY).pem)
    assert "certificates[0].file: All of its certificates have expired." in validate().errors


def test_findings_are_listed_and_fail_only_if_strict(validate, tmp_path):
    (tmp_path / "a.pem").write_bytes(issue("other.example").pem)
    result = validate()
    assert result.code == 0
    assert f"{tmp_path}/a.yaml:6: certificates[0].file: warning: orders: " in result.output
    strict = validate("--strict")
    assert (strict.code, strict.errors) == (1, "holdfast: --strict: 1 finding above the level info.\n")
    codes = {finding["code"]: finding for finding in validate("--json").json["findings"]}
    assert (codes["name-mismatch"]["line"], codes["name-mismatch"]["certificate"]) == (6, "orders")


def test_accepted_names_of_trust_settings_count_for_findings(validate, tmp_path):
    (tmp_path / "a.pem").write_bytes(issue("other.example").pem)
    trust = "trust:\n  - {endpoint: 'https://orders.example', names: [other.example]}\n"
    assert validate("--strict", text=FILE + trust).code == 0


def test_origins_of_no_api_are_noted(validate):
    result = validate(
        text=FILE.replace('{alias: orders, endpoint: "https://orders', '{alias: orders, endpoint: "https://old')
    )
    assert result.code == 0
    assert "certificates[0]: No API in these files has an endpoint at https://old.example." in result.errors


def test_variables_and_overlays_are_checked(validate, tmp_path):
    (tmp_path / "patch.yaml").write_text("holdfast: 1\napis: [{name: Orders, version: '${V}', state: published}]")
    assert validate("--overlay", tmp_path / "patch.yaml", "--var", "V=1").code == 0
    assert "The variable V isn't set." in validate("--overlay", tmp_path / "patch.yaml").errors
