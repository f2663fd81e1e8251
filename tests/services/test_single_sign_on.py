"""Sign-in through an identity provider: accepted identities, and their users; each test plays the provider."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.openid.provider import KEYS_LAST, Provider, ProviderSettings
from holdfast.services.access.attempts import FREE, Attempts
from holdfast.services.access.permissions import Role
from holdfast.services.access.single_sign_on import ProviderResponse, SingleSignOn, begin, finish
from holdfast.services.errors import ProviderSignInRefused, TooManyAttempts
from holdfast.store.access import accounts
from holdfast.store.sealing import Sealing
from running import NO_TLS
from scripted_provider import CLIENT, SECRET, ScriptedProvider, forge, new_key, sign

ROLES = (("api-team", Role.CREATOR), ("cn=on-call,ou=teams", Role.PUBLISHER))
METADATA = "/.well-known/openid-configuration"
BACK = "http://127.0.0.1:9080/sign-in/callback"
NO_PROOF = "The identity provider's response doesn't prove who you are. Sign in again."
UNUSABLE = "The identity provider can't be used right now. Try again; Holdfast's log has the reason."
NO_ROLE = "None of your groups has a role in Holdfast. Ask an administrator."


@pytest.fixture
def provider():
    with ScriptedProvider().serving() as scripted_provider:
        scripted_provider.claims = {"preferred_username": "dora", "groups": ["api-team"]}
        yield scripted_provider


@pytest.fixture
def overrides():
    """Overrides of members of ProviderSettings or SingleSignOn."""
    return {}


@pytest.fixture
def sso(provider, overrides):
    ours = {"label": "Scripted", "organization": "default", "roles": ROLES}
    provider_overrides = {name: value for name, value in overrides.items() if name not in ours}
    client = Provider(ProviderSettings(provider.issuer, CLIENT, SECRET, **provider_overrides), NO_TLS)
    yield SingleSignOn(client, **(ours | {name: value for name, value in overrides.items() if name in ours}))
    client.close()


@pytest.fixture
def sign_in(store, anna, sso, provider, clock):
    """Begin a sign-in, return from the provider, possibly with other parameters, and return the user."""
    del anna  # creates the organization
    attempts = Attempts(store, Sealing(lambda: ()))

    def sign_in(secret="known to one browser", **parameters):  # noqa: S107 - the value of a cookie
        query = parse_qs(urlsplit(begin(sso, secret, BACK, clock())).query)
        provider.nonce = query["nonce"][0]
        values = {"redirect_uri": BACK, "state": query["state"][0], "code": "c0de"} | parameters
        return finish(store, attempts, sso, secret, ProviderResponse(**values), "192.0.2.1", clock())

    return sign_in


@pytest.fixture
def reject(sign_in):
    """Return from the provider, check that the sign-in fails, and return the message."""

    def reject(**parameters):
        with pytest.raises(ProviderSignInRefused) as refusal:
            sign_in(**parameters)
        return str(refusal.value)

    return reject


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.test"},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"aud": None},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": None},
        {"iat": 32_503_680_000},
        {"nbf": 32_503_680_000},
        {"sub": None},
        {"sub": ""},
        {"sub": "s" * 256},
        {"sub": 4711},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=str,
)
def test_an_id_token_without_valid_claims_is_rejected(reject, provider, store, claims):
    provider.claims |= claims
    assert reject() == NO_PROOF
    with store.read() as session:
        assert accounts.count_users(session, "default") == 0


def test_a_signature_by_a_foreign_key_is_rejected(reject, provider):
    foreign = new_key("one")
    provider.sign = lambda claims: sign(claims, foreign)
    assert reject() == NO_PROOF


@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_unsigned_and_symmetrically_signed_tokens_are_rejected(reject, provider, alg):
    provider.sign = lambda claims: forge(claims, alg, SECRET.encode())
    assert reject() == NO_PROOF


def test_a_public_key_is_not_accepted_as_a_symmetric_secret(reject, provider):
    public = provider.key.as_pem(private=False)
    provider.sign = lambda claims: forge(claims, "HS256", public)
    assert reject() == NO_PROOF


def test_new_keys_of_the_provider_are_fetched_at_most_once_per_minute(sign_in, reject, provider, clock):
    assert sign_in().name == "dora"
    provider.key = new_key("two")
    assert reject() == NO_PROOF  # the keys were fetched a moment ago
    clock.advance(seconds=KEYS_LAST.total_seconds() + 1)
    assert sign_in().name == "dora"


def test_keys_of_unknown_kinds_are_skipped(sign_in, provider):
    keys = [{"kty": "AKP", "kid": "x"}, {"kty": "EC"}, "none", provider.key.as_dict(private=False)]
    provider.answers["/keys"] = (200, json.dumps({"keys": keys}).encode())
    assert sign_in().name == "dora"


def test_a_refusal_by_the_provider_is_reported_without_its_text(reject, provider):
    assert reject(error="access_denied") == (
        "The identity provider didn't sign you in (access_denied). Try again, or ask its administrator."
    )
    assert "(no code)" in reject(error="<script>")
    assert "(no code)" in reject(code="")
    assert not any(path == "/token" for path, _, _ in provider.requests)


def test_a_response_from_another_issuer_is_rejected(sign_in, reject, provider):
    assert reject(issuer="https://elsewhere.test") == NO_PROOF
    assert sign_in(issuer=provider.issuer).name == "dora"


def test_rejected_codes_count_as_failed_attempts(sign_in, reject, provider):
    provider.answers["/token"] = (400, b'{"error": "invalid_grant"}')
    for _ in range(FREE + 1):
        assert reject() == NO_PROOF
    with pytest.raises(TooManyAttempts):
        sign_in()


@pytest.mark.parametrize("answer", [(401, b""), (400, b'{"error": "invalid_client"}')])
def test_a_wrong_client_secret_does_not_count_against_who_signs_in(reject, provider, answer):
    provider.answers["/token"] = answer
    for _ in range(FREE + 2):
        assert reject() == UNUSABLE


@pytest.mark.parametrize("path", [METADATA, "/token", "/keys"])
@pytest.mark.parametrize(
    ("status", "answer"),
    [(500, b""), (302, b""), (200, b"<html>"), (200, b"[]"), (200, b" " * 2_000_000)],
    ids=["an error", "elsewhere", "no JSON", "no object", "too much"],
)
def test_an_unusable_provider_is_reported(reject, provider, path, status, answer):
    provider.answers[path] = (status, answer)
    assert reject() == UNUSABLE


def test_a_provider_that_names_another_issuer_is_not_used(reject, provider):
    provider.metadata["issuer"] = "https://elsewhere.test"
    assert reject() == UNUSABLE


@pytest.mark.parametrize("member", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("url", [None, "", "http://elsewhere.test/x", "https://", "javascript:x", 1, "http://[x"])
def test_a_provider_with_unusable_endpoints_is_not_used(reject, provider, member, url):
    provider.metadata[member] = url
    assert reject() == UNUSABLE


def test_the_client_secret_is_sent_in_the_form_if_the_provider_requires_it(sign_in, provider):
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert sign_in().name == "dora"
    _, form, authorization = next(call for call in provider.requests if call[0] == "/token")
    assert (form["client_id"], form["client_secret"], authorization) == ([CLIENT], [SECRET], "")


# Users and roles


def test_groups_missing_from_the_id_token_are_read_from_userinfo(sign_in, provider):
    provider.claims = {}
    provider.user_info = {"sub": "4711", "preferred_username": "emil", "groups": ["cn=on-call,ou=teams"]}
    user = sign_in()
    assert (user.name, user.roles) == ("emil", {"publisher"})
    assert provider.requests[-1] == ("/userinfo", {}, "Bearer opens user info")


def test_userinfo_about_another_subject_is_rejected(reject, provider):
    provider.claims = {}
    provider.user_info = {"sub": "4712", "preferred_username": "emil", "groups": ["api-team"]}
    assert reject() == NO_PROOF


@pytest.mark.parametrize(
    ("overrides", "claims"),
    [
        ({"groups_claim": "realm_access.roles"}, {"realm_access": {"roles": "api-team"}}),
        ({"groups_claim": "https://example.test/groups"}, {"https://example.test/groups": ["api-team"]}),
    ],
)
def test_groups_can_be_a_string_nested_or_in_a_claim_named_by_a_url(sign_in, provider, claims):
    provider.claims = {"preferred_username": "dora"} | claims
    assert sign_in().roles == {"creator"}


def test_a_name_at_the_provider_does_not_take_over_another_user(sign_in, provider):
    for subject, preferred_name, name in (
        ("1", "admin", "admin-2"),
        ("2", "Admin", "Admin-2"),
        ("3", "dora", "dora"),
        ("4", "dora@elsewhere.test", "dora-2"),
        ("5", "Jörg Müller", "Jorg-Muller"),
        ("6", "<b>", "b"),
        ("7", "名前", "user"),
        ("8", "x" * 300, "x" * 60),
        ("3", "anna", "dora"),
    ):
        provider.claims |= {"sub": subject, "preferred_username": preferred_name}
        user = sign_in()
        assert (user.name, user.identity.subject) == (name, subject)


def test_a_user_without_groups_is_locked_out_until_they_have_one_again(sign_in, reject, provider, store):
    before = sign_in()
    for groups in ([], None, 4711, {"api-team": True}, [["api-team"]]):
        provider.claims["groups"] = groups
        assert reject() == NO_ROLE
        with store.read() as session:
            assert accounts.get_user_by_subject(session, provider.issuer, "4711").roles == set()
    provider.claims["groups"] = ["cn=on-call,ou=teams"]
    again = sign_in()
    assert (again.id, again.roles) == (before.id, {"publisher"})


def test_a_person_without_a_role_does_not_become_a_user(reject, provider, store):
    provider.claims["groups"] = ["gardening"]
    assert reject() == NO_ROLE
    with store.read() as session:
        assert accounts.count_users(session, "default") == 0


@pytest.mark.parametrize("overrides", [{"roles": (("*", Role.VIEWER), *ROLES)}])
def test_a_role_can_be_assigned_to_everyone(sign_in, provider):
    assert sign_in().roles == {"viewer", "creator"}
    provider.claims["groups"] = None
    assert sign_in().roles == {"viewer"}


@pytest.mark.parametrize("overrides", [{"organization": "other"}])
def test_new_users_belong_to_the_configured_organization(sign_in, otto):
    assert (sign_in().name, sign_in().organization) == ("dora@other", otto.organization)


@pytest.mark.parametrize("overrides", [{"organization": "nowhere"}])
def test_a_missing_organization_rejects_sign_ins(reject):
    assert reject().startswith("The organization nowhere doesn't exist yet.")


def test_a_user_stays_in_their_first_organization(sign_in, store, otto, sso, provider, clock):
    sign_in()
    moved_sso = SingleSignOn(sso.provider, sso.label, otto.organization, sso.roles)
    query = parse_qs(urlsplit(begin(moved_sso, "s", BACK, clock())).query)
    provider.nonce = query["nonce"][0]
    response = ProviderResponse(BACK, query["state"][0], "c0de")
    with pytest.raises(ProviderSignInRefused) as refusal:
        finish(store, Attempts(store, Sealing(lambda: ())), moved_sso, "s", response, "192.0.2.1", clock())
    assert str(refusal.value) == "You're already a user of default. Ask an admin there to delete your account."
