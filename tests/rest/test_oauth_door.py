"""Applications can be registered and get tokens, as scripts for WSO2 do."""

import pytest

from holdfast.services.access.accounts import hash_token
from holdfast.services.access.attempts import FREE
from holdfast.services.access.oauth import ACCESS_LASTS, REFRESH_LASTS
from holdfast.services.access.permissions import Role
from rest.calls import APIS, CERTIFICATES, PREFIX, assert_problem, create_api

REGISTER, TOKEN, REVOKE = "/client-registration/v0.17/register", "/oauth2/token", "/oauth2/revoke"
EVERY = "password client_credentials refresh_token"


@pytest.fixture
def script(shared_runtime, connect, berta):
    """A client without a session, at its own address."""
    return connect(shared_runtime, client=(berta.organization, 50000))


@pytest.fixture
def register(script, berta, password):
    def register(grants=EVERY, **more):
        body = {"callbackUrl": "www.example.com", "clientName": "rest_api", "grantType": grants, "saasApp": True}
        response = script.post(REGISTER, json=body | {"owner": berta.name} | more, auth=(berta.name, password))
        assert response.status_code == 200, response.text
        return response.json()

    return register


@pytest.fixture
def ask(script, register, berta, password):
    """Ask for a token with the credentials of an application."""
    application = register()
    own = (application["clientId"], application["clientSecret"])

    def ask(grant="password", auth=own, path=TOKEN, **form):
        credentials = {"username": berta.name, "password": password} if grant == "password" else {}
        return script.post(path, data={"grant_type": grant} | credentials | form, auth=auth)

    ask.credentials = own  # type: ignore[attr-defined]
    return ask


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def assert_refused(response, code, status=400):
    assert (response.status_code, response.json()["error"]) == (status, code), response.text
    assert response.headers["cache-control"] == "no-store"


def test_a_registration_returns_the_members_of_wso2(register, berta):
    application = register("password refresh_token urn:ietf:params:oauth:grant-type:saml2-bearer")
    assert application | {"clientId": "", "clientSecret": "", "jsonString": ""} == {
        "clientId": "",
        "clientName": "rest_api",
        "callBackURL": "www.example.com",
        "clientSecret": "",
        "isSaasApplication": False,
        "appOwner": berta.name,
        "jsonString": "",
        "jsonAppAttribute": "{}",
        "tokenType": None,
    }
    assert '"grant_types": "password refresh_token"' in application["jsonString"]
    assert register()["clientId"] != application["clientId"]


def test_a_registration_for_another_user_or_without_grants_is_rejected(script, berta, password):
    for body, field in (
        ({"clientName": "a", "owner": "admin"}, "owner"),
        ({"clientName": "a", "grantType": "implicit"}, "grantType"),
        ({"clientName": ""}, "clientName"),
    ):
        assert_problem(script.post(REGISTER, json=body, auth=(berta.name, password)), 400, field)
    assert_problem(script.post(REGISTER, json={"clientName": "a"}), 401)


def test_a_password_grant_returns_a_token_that_works(script, ask):
    grant = ask(scope="apim:api_view apim:api_create openid").json()
    assert (grant["token_type"], grant["expires_in"]) == ("Bearer", 3600)
    assert grant["scope"] == "apim:api_view apim:api_create"
    script.headers = bearer(grant["access_token"])
    create_api(script)
    assert script.get(APIS).json()["count"] == 1
    assert_problem(script.get(f"{PREFIX}/users"), 403)
    assert_problem(script.get(f"{PREFIX}/tokens"), 403)
    assert_problem(script.post(REGISTER, json={"clientName": "another"}), 403)


def test_without_a_scope_a_token_is_read_only(script, ask):
    grant = ask().json()
    assert grant["scope"] == "apim:api_view"
    assert script.get(CERTIFICATES, headers=bearer(grant["access_token"])).status_code == 200
    assert_problem(script.delete(f"{CERTIFICATES}/x", headers=bearer(grant["access_token"])), 403)


def test_a_scope_allows_no_more_than_the_roles_of_the_user(ask, enlist, berta, password):
    viewer = enlist(berta.organization, f"viewer@{berta.organization}", Role.VIEWER)
    of = {"username": viewer.name, "password": password}
    assert ask(**of, scope="apim:api_view apim:api_create").json()["scope"] == "apim:api_view"
    assert_refused(ask(**of, scope="apim:api_create"), "invalid_scope")


def test_a_refresh_token_works_once(script, ask):
    first = ask(scope="apim:api_view apim:api_create").json()
    assert_problem(script.get(APIS, headers=bearer(first["refresh_token"])), 401)
    second = ask("refresh_token", refresh_token=first["refresh_token"], scope="apim:api_view").json()
    assert second["scope"] == "apim:api_view"
    assert script.get(APIS, headers=bearer(second["access_token"])).status_code == 200
    assert_problem(script.get(APIS, headers=bearer(first["access_token"])), 401)
    assert_refused(ask("refresh_token", refresh_token=first["refresh_token"]), "invalid_grant")
    assert_refused(ask("refresh_token", refresh_token=second["refresh_token"], scope="holdfast:users"), "invalid_scope")
    third = ask("refresh_token", refresh_token=second["refresh_token"]).json()
    assert third["scope"] == first["scope"]


def test_client_credentials_act_as_the_owner_without_a_refresh_token(script, ask, berta):
    grant = ask("client_credentials", scope="apim:api_view").json()
    assert "refresh_token" not in grant
    account = script.get(f"{PREFIX}/account", headers=bearer(grant["access_token"])).json()
    assert account["name"] == berta.name


def test_revoking_a_token_revokes_all_tokens_of_its_grant(script, ask, register):
    grant = ask().json()
    other = register()
    foreign = (other["clientId"], other["clientSecret"])
    assert ask(path=REVOKE, token=grant["access_token"], auth=foreign).status_code == 200
    assert script.get(APIS, headers=bearer(grant["access_token"])).status_code == 200
    assert_refused(ask("refresh_token", refresh_token=grant["refresh_token"], auth=foreign), "invalid_grant")
    assert ask(path=REVOKE, token=grant["refresh_token"]).status_code == 200
    assert_problem(script.get(APIS, headers=bearer(grant["access_token"])), 401)
    assert ask(path=REVOKE, token="unknown").status_code == 200
    assert_refused(ask(path=REVOKE), "invalid_request")


def test_rejected_grants_have_the_error_codes_of_the_standard(ask, register, script):
    assert_refused(ask(password="wrong"), "invalid_grant")
    assert_refused(ask("authorization_code"), "unsupported_grant_type")
    assert_refused(ask(""), "unsupported_grant_type")
    only = register("password")
    own = (only["clientId"], only["clientSecret"])
    assert_refused(ask("client_credentials", auth=own), "unauthorized_client")
    assert "refresh_token" not in ask(auth=own).json()
    wrong = ask(auth=(own[0], "wrong"))
    assert_refused(wrong, "invalid_client", 401)
    assert wrong.headers["www-authenticate"].startswith("Basic")
    assert_refused(script.post(TOKEN, data={"grant_type": "password"}), "invalid_client", 401)


def test_client_id_and_secret_can_be_in_the_form(ask):
    name, secret = ask.credentials
    assert ask(auth=None, client_id=name, client_secret=secret).status_code == 200


def test_users_of_another_organization_get_no_token_here(ask, join, password):
    stranger = join("stranger")
    wrong = ask(username="nobody").json()
    response = ask(username=stranger.name, password=password)
    assert_refused(response, "invalid_grant")
    assert response.json() == wrong


def test_guessing_secrets_is_slowed_down(ask):
    for _ in range(FREE + 1):
        assert_refused(ask(auth=(ask.credentials[0], "wrong")), "invalid_client", 401)
    answer = ask()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def test_only_hashes_of_secrets_are_stored(ask, shared_storage):
    grant = ask().json()
    for secret in (grant["access_token"], grant["refresh_token"], ask.credentials[1]):
        assert secret.encode() not in shared_storage.content()
        assert hash_token(secret).encode() in shared_storage.content()


def test_tokens_expire_and_are_revoked_with_their_user(runtime, connect, clock, password):
    runtime.accounts.ensure_user("default", "anna", password, clock(), reset=False)
    script, auth = connect(runtime), ("anna", password)
    application = script.post(REGISTER, json={"clientName": "a", "grantType": EVERY}, auth=auth).json()
    own = (application["clientId"], application["clientSecret"])

    def ask(**form):
        return script.post(TOKEN, data={"username": "anna", "password": password} | form, auth=own)

    grant = ask(grant_type="password").json()
    clock.time += ACCESS_LASTS
    assert_problem(script.get(APIS, headers=bearer(grant["access_token"])), 401)
    grant = ask(grant_type="refresh_token", refresh_token=grant["refresh_token"]).json()
    assert script.get(APIS, headers=bearer(grant["access_token"])).status_code == 200
    clock.time += REFRESH_LASTS
    assert_refused(ask(grant_type="refresh_token", refresh_token=grant["refresh_token"]), "invalid_grant")

    grant = ask(grant_type="password").json()
    body = {"name": "eva", "password": "several quite new words", "roles": ["admin"]}
    assert script.post(f"{PREFIX}/users", json=body, auth=auth).status_code == 201
    eva = ("eva", body["password"])
    assert script.put(f"{PREFIX}/users/anna", json={"disabled": True}, auth=eva).status_code == 200
    assert_problem(script.get(APIS, headers=bearer(grant["access_token"])), 401)
    assert_refused(ask(grant_type="client_credentials"), "invalid_client", 401)
    assert_problem(script.get(APIS, auth=auth), 401)
