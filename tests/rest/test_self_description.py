"""What `/openapi.json` says of answers: a type of each that has a body."""

import pytest

from holdfast.rest.prefixes import PREFIX

EMPTY = {"HEAD /apis/validate", "POST /apis/validate"}  # beside those that delete


@pytest.fixture(scope="module")
def answers(shared_runtime, connect):
    """The content of every successful answer, by operation."""
    description = connect(shared_runtime).get("/openapi.json").json()
    return {
        f"{method.upper()} {path.removeprefix(PREFIX)}": response.get("content", {})
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        if status in {"200", "201"}
    }


def test_every_answer_in_json_is_of_a_type(answers):
    schemas = {
        operation: content["application/json"]["schema"]
        for operation, content in answers.items()
        if "application/json" in content
    }
    untyped = {operation for operation, schema in schemas.items() if "$ref" not in schema}
    # A definition is any object, and so is the empty answer of RFC 7009.
    assert untyped == {"GET /apis/{api_id}/swagger", "PUT /apis/{api_id}/swagger", "POST /oauth2/revoke"}
    assert all(schemas[operation]["type"] == "object" for operation in untyped)


def test_every_other_answer_is_a_file_or_empty(answers):
    others = {operation: content for operation, content in answers.items() if "application/json" not in content}
    files = {operation for operation, content in others.items() if content}
    assert all(each["schema"]["format"] == "binary" for operation in files for each in others[operation].values())
    assert {operation for operation in others.keys() - files if not operation.startswith("DELETE")} == EMPTY
