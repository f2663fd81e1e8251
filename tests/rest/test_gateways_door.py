"""`/gateways/enforcement` says whether gateways serve an API as it is now."""

from rest.calls import PREFIX, assert_problem

ENFORCEMENT = f"{PREFIX}/gateways/enforcement"


def test_without_a_gateway_nothing_is_enforced(client):
    answer = client.get(ENFORCEMENT, params={"context": "/pizza", "version": "1.0"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["context"], body["enforcement"]["progress"]) == ("/pizza", "no gateway")


def test_an_invalid_context_or_version_is_rejected(client):
    assert_problem(client.get(ENFORCEMENT, params={"context": "/t/x", "version": "1"}), 400, "context")
    assert_problem(client.get(ENFORCEMENT, params={"context": "/pizza", "version": "a b"}), 400, "version")
