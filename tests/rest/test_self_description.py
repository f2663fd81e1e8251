"""`/openapi.json` describes every operation, parameter and member, and gives each response with a body a type."""

import pytest

from holdfast.rest.prefixes import PREFIX

# Other than those that delete.
EMPTY = {"HEAD /apis/validate", "POST /apis/validate", "POST /apis/{api_id}/documents/validate"}


@pytest.fixture(scope="module")
def description(shared_runtime, connect):
    return connect(shared_runtime).get("/openapi.json").json()


@pytest.fixture(scope="module")
def operations(description):
    return [operation for operations in description["paths"].values() for operation in operations.values()]


@pytest.fixture(scope="module")
def answers(description):
    """The content of every successful response, by operation."""
    return {
        f"{method.upper()} {path.removeprefix(PREFIX)}": response.get("content", {})
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        if status in {"200", "201"}
    }


def test_every_operation_has_a_summary_of_one_phrase(operations):
    summaries = {operation["operationId"]: operation["summary"] for operation in operations}
    assert not [name for name, summary in summaries.items() if not 5 < len(summary) < 60 or "." in summary]
    # Only `validate` has two methods with one summary.
    assert len(set(summaries.values())) == len(summaries) - 1


def test_every_parameter_and_member_is_described(description, operations):
    parameters = [
        (operation["operationId"], parameter["name"])
        for operation in operations
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
    ]
    members = [
        (schema_name, name)
        for schema_name, schema in description["components"]["schemas"].items()
        for name, member in schema.get("properties", {}).items()
        if "$ref" not in member and not member.get("description")
    ]
    assert (parameters, members) == ([], [])


def test_every_tag_is_described_and_used(description, operations):
    tags = {tag["name"] for tag in description["tags"]}
    assert tags == {tag for operation in operations for tag in operation["tags"]}


def test_every_json_response_has_a_type(answers):
    schemas = {
        operation: content["application/json"]["schema"]
        for operation, content in answers.items()
        if "application/json" in content
    }
    # WSO2's clients expect these lists without an object around them.
    lists = {"POST /apis/{api_id}/deploy-revision", "POST /apis/{api_id}/undeploy-revision"}
    assert all("$ref" in schemas.pop(operation)["items"] for operation in lists)
    untyped_operations = {
        operation
        for operation, schema in schemas.items()
        if not all("$ref" in choice for choice in schema.get("anyOf", [schema]))
    }
    # A definition is any object, and so is the empty response of RFC 7009.
    assert untyped_operations == {"GET /apis/{api_id}/swagger", "PUT /apis/{api_id}/swagger", "POST /oauth2/revoke"}
    assert all(schemas[operation]["type"] == "object" for operation in untyped_operations)


def test_every_other_response_is_a_file_or_empty(answers):
    others = {operation: content for operation, content in answers.items() if "application/json" not in content}
    files = {operation for operation, content in others.items() if content}
    assert all(value["schema"]["format"] == "binary" for operation in files for value in others[operation].values())
    assert {operation for operation in others.keys() - files if not operation.startswith("DELETE")} == EMPTY
