"""The permissions of each role: every operation of REST is tried as every role, and docs/reference/roles.md agrees."""

import os
import re
import uuid
from pathlib import Path

import jsonschema_rs
import pytest

from holdfast.services.access.permissions import ROLES, Role
from rest.calls import PREFIX
from rest.operations import REQUESTS, House, operations_of

pytestmark = [
    pytest.mark.sqlite(reason="about permissions; test_one_state.py runs each operation there"),
    pytest.mark.long,
]

PAGE = Path(__file__).parents[2] / "docs/reference/roles.md"
# Applications authenticate here with an ID and a secret, gateways with a join token; neither has a role.
WITHOUT_ROLES = {"POST /oauth2/token", "POST /oauth2/revoke", "POST /gateways/join"}
# Only admins of the default organization can use these.
FOR_OPERATORS = re.compile(
    r".* /(installation/organizations|control-planes|gateways|gateways/\{gateway\}|gateways/groups(/\{group\})?)"
)
# Not a success even for an admin: a session is not a token.
OTHERWISE = {"GET /tokens/current": 404, "DELETE /tokens/current": 404}
OPERATIONS = [operation for operation in REQUESTS if operation not in WITHOUT_ROLES]


@pytest.fixture(scope="module")
def responses(shared_runtime, enlist, sign_in, save):
    """The response of every operation, by operation and role; each starts from the same state."""
    organization = str(uuid.uuid4())
    admin, clara = (enlist(organization, f"{name} of {organization}", Role.ADMIN) for name in ("admin", "clara"))
    house = House(shared_runtime, sign_in(admin), clara)
    bodies = {}
    for role in Role:
        by_organization = {name: sign_in(enlist(name, str(uuid.uuid4()), role)) for name in (organization, "default")}
        house.owned_by(by_organization[organization])
        put_back = save()
        for operation in OPERATIONS:
            client = by_organization["default" if FOR_OPERATORS.fullmatch(operation) else organization]
            response = bodies[operation, role] = house.ask(client, operation)
            if response.status_code != 403 and not operation.startswith("GET"):
                put_back()
    return bodies


@pytest.fixture(scope="module")
def answers(responses):
    """The status of every operation, by operation and role."""
    return {key: response.status_code for key, response in responses.items()}


def test_every_operation_is_covered(client):
    assert operations_of(client) == set(REQUESTS)


def test_an_admin_may_use_every_operation(answers):
    refusals = {
        operation: status
        for (operation, role), status in answers.items()
        if role is Role.ADMIN and status not in {200, 201, 204, OTHERWISE.get(operation)}
    }
    assert refusals == {}


def test_a_role_gets_either_403_or_the_same_response_as_an_admin(answers):
    for (operation, role), status in answers.items():
        assert status in {403, answers[operation, Role.ADMIN]}, (operation, role, status)


def test_every_role_allows_something_that_the_next_one_does_not(answers):
    may = {role: {operation for operation in OPERATIONS if answers[operation, role] != 403} for role in Role}
    assert may[Role.VIEWER] < may[Role.CREATOR] < may[Role.ADMIN]
    assert may[Role.VIEWER] < may[Role.PUBLISHER] < may[Role.ADMIN]
    assert not may[Role.PUBLISHER] <= may[Role.CREATOR]
    assert ROLES[Role.VIEWER] < ROLES[Role.PUBLISHER]


def test_the_reference_page_lists_what_each_role_allows(answers):
    rows = [
        f"| `{operation}` | {' | '.join('yes' if answers[operation, role] != 403 else '' for role in Role)} |"
        for operation in sorted(OPERATIONS, key=lambda operation: operation.split()[::-1])
    ]
    head = f"| operation | {' | '.join(Role)} |\n|---|{'---|' * len(Role)}"
    intro, mark, _ = PAGE.read_text().partition("<!-- The table is made by tests/rest/test_roles.py. -->")
    expected = f"{intro}{mark}\n\n{head}\n" + "\n".join(rows) + "\n"
    if os.environ.get("HOLDFAST_TABLES") == "docs/reference":
        PAGE.write_text(expected)
    assert PAGE.read_text() == expected


def test_responses_match_the_description(responses, client):
    description = client.get("/openapi.json").json()
    responses_by_operation = {
        f"{method.upper()} {path.removeprefix(PREFIX)}": operation["responses"]
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    }
    for (operation, role), response in responses.items():
        if role is Role.ADMIN and response.content and response.headers["content-type"] == "application/json":
            if operation == "DELETE /apis/{api_id}":  # empty or JSON, which only the description says
                continue
            answer = responses_by_operation[operation].get(
                str(response.status_code), responses_by_operation[operation]["default"]
            )
            schema = answer["content"]["application/json"]["schema"] | {"components": description["components"]}
            jsonschema_rs.validator_for(schema).validate(response.json())
