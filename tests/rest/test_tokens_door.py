"""`/tokens/current`: what a script can do with its own personal token."""

from datetime import timedelta

import pytest

from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.store.journal import list_audit_events
from rest.calls import APIS, PREFIX, assert_problem

TOKENS, CURRENT = f"{PREFIX}/tokens", f"{PREFIX}/tokens/current"


@pytest.fixture
def script(shared_runtime, connect, berta):
    """A client without a session, at its own address."""
    return connect(shared_runtime, client=(berta.organization, 50000))


@pytest.fixture
def make(client, shared_runtime):
    """Create a token for berta and return it as a header."""

    def make(name, *scopes):
        until = (shared_runtime.now() + timedelta(days=1)).isoformat()
        response = client.post(TOKENS, json={"name": name, "scopes": scopes or ["apim:api_view"], "expiresTime": until})
        assert response.status_code == 201, response.text
        return {"authorization": f"Bearer {response.json()['token']}"}

    return make


def test_a_token_can_read_its_own_description(script, make, client):
    token = make("nightly", "apim:api_delete")
    description = script.get(CURRENT, headers=token).json()
    assert description == client.get(TOKENS).json()["list"][0]
    assert (description["name"], description["scopes"]) == ("nightly", ["apim:api_delete"])


def test_a_token_can_revoke_only_itself_whatever_its_scopes(script, make, client):
    token, other = make("nightly", "holdfast:endpoint_test"), make("weekly")
    assert_problem(script.get(TOKENS, headers=token), 403)
    assert script.delete(CURRENT, headers=token).status_code == 204
    assert_problem(script.delete(CURRENT, headers=token), 401)
    assert_problem(script.get(APIS, headers=token), 401)
    assert script.get(APIS, headers=other).status_code == 200
    assert [token["name"] for token in client.get(TOKENS).json()["list"]] == ["weekly"]


def test_the_revocation_is_in_the_audit_log(script, make, shared_runtime, berta):
    script.delete(CURRENT, headers=make("nightly"))
    with shared_runtime.store.read() as session:
        last = list_audit_events(session, berta.organization)[-1]
    assert (last.user, last.action, last.subject, last.detail) == (
        berta.name,
        "revoke token",
        "nightly",
        "signed in with this token",
    )


def test_a_request_without_a_personal_token_gets_404(script, client, berta, password):
    body = {"clientName": "a", "owner": berta.name, "grantType": "password"}
    application = script.post("/client-registration/v0.17/register", json=body, auth=(berta.name, password)).json()
    form = {"grant_type": "password", "username": berta.name, "password": password}
    grant = script.post("/oauth2/token", data=form, auth=(application["clientId"], application["clientSecret"]))
    access = {"authorization": f"Bearer {grant.json()['access_token']}"}
    for method in ("GET", "DELETE"):
        for answer in (
            client.request(method, CURRENT),
            script.request(method, CURRENT, auth=(berta.name, password)),
            script.request(method, CURRENT, headers=access),
        ):
            assert_problem(answer, 404, says="has no personal token")
    assert script.get(APIS, headers=access).status_code == 200


def test_a_session_is_not_revoked_together_with_a_token(client, make):
    token = make("nightly")
    assert client.cookies[SESSION_COOKIE]
    assert client.delete(CURRENT, headers=token).status_code == 204
    assert client.get(APIS).status_code == 200
