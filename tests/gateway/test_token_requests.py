"""Token requests that agents of other versions read, or don't."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from holdfast.apis.catalog.endpoint_security import EndpointSecurity, SealedSecret, SecurityKind
from holdfast.apis.catalog.token_settings import Grant, TokenSettings
from holdfast.gateway.agent.tokens import Tokens
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.resources.resource import SECRET
from holdfast.gateway.resources.token_requests import (
    TokenRequest,
    build_token_request,
    name_request,
    read_token_request,
)

REQUEST = TokenRequest("n", "b", "login.test", "/token", "shop", "1", "geheim", (("scope", "read"),))
FOR_USER = replace(REQUEST, grant_type="password", username="till", password="geheim zwei")
# What agents read that know only client credentials.
EARLIER = {"name", "backend", "authority", "target", "client_id", "secret_id", "secret", "parameters"}


@pytest.mark.parametrize("request_", [REQUEST, FOR_USER])
def test_a_token_request_is_read_as_it_was_built(request_):
    assert read_token_request(build_token_request(request_)) == request_
    assert "geheim" not in repr(request_)


def test_earlier_agents_read_only_requests_with_the_grant_that_they_know():
    assert json.loads(build_token_request(REQUEST).body).keys() == EARLIER
    assert json.loads(build_token_request(FOR_USER).body).keys() - EARLIER == {"grant_type", "username", "password"}


def test_a_request_that_an_agent_cannot_read_locks_the_backend(tmp_path):
    request = build_token_request(FOR_USER)
    later = replace(request, body=json.dumps(json.loads(request.body) | {"assertion": "x"}).encode())
    tokens = Tokens(Cache(), tmp_path / "probe", lambda: datetime.now(UTC), lambda _, __: pytest.fail("saved"))
    resources, removals = tokens.admit([later], [])
    (secret,) = (resource for resource in resources if (resource.type_url, resource.name) == (SECRET, FOR_USER.token))
    assert Secret.FromString(secret.body).generic_secret.secret.inline_string == ""
    assert (removals, tokens.problems) == ([], [])


def test_tokens_of_one_user_or_grant_are_not_used_for_another():
    client = EndpointSecurity(SecurityKind.OAUTH, token=TokenSettings("https://login.test/token", "shop"))
    till = replace(client, username="till", token=replace(client.token, grant=Grant.PASSWORD))
    password = SealedSecret("1", b"", "", frozenset({"https://backend.test"}))
    securities = (client, till, replace(till, username="other"), replace(till, password=password))
    assert len({name_request("b", security) for security in securities}) == len(securities)
    assert name_request("b", replace(till, password=password)) == name_request(
        "b", replace(till, password=replace(password, id="2"))
    )
