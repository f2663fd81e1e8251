"""Endpoint security in WSO2's form."""

import pytest

from holdfast.apis.catalog.security_members import read_security, write_security
from holdfast.apis.errors import InvalidField

BASIC = {"type": "BASIC", "username": "shop", "password": "geheim"}
OAUTH = {"type": "OAUTH", "tokenUrl": "https://login.example/token", "clientId": "shop", "clientSecret": "geheim"}
FOR_USER = OAUTH | {"grantType": "PASSWORD", "username": "till:1", "password": "geheim zwei"}
KEY = {"type": "apikey", "apiKeyIdentifier": "X-API-Key", "apiKeyValue": "geheim"}


@pytest.mark.parametrize(
    "members",
    [
        *(OAUTH, OAUTH | {"grantType": "client_credentials", "customParameters": {"scope": "read"}}),
        *(BASIC, KEY, FOR_USER, FOR_USER | {"grantType": "password"}),
        KEY | {"type": "API_KEY"},
        BASIC | {"type": "basic", "enabled": True, "allowUnencrypted": True},
    ],
)
def test_written_security_reads_the_same_without_the_secret(members):
    draft = read_security(members, "")
    assert (draft.secret, draft.password) == ("geheim", "geheim zwei" if draft.security.has_password else "")
    document = write_security(draft.security)
    assert "geheim" not in str(document)
    assert read_security(document, "").security == draft.security


@pytest.mark.parametrize("members", [None, {}, {"type": "NONE"}, {"type": None}, BASIC | {"enabled": False}])
def test_no_security_is_written_in_several_ways(members):
    assert read_security(members, "") is None


@pytest.mark.parametrize(
    ("members", "field", "says"),
    [
        ({"type": "DIGEST"}, "type", "Digest isn't supported"),
        (OAUTH | {"tokenUrl": "login.example/token"}, "tokenUrl", "Use a URL like"),
        (OAUTH | {"tokenUrl": "wss://login.example/token"}, "tokenUrl", "http or https"),
        (OAUTH | {"tokenUrl": "https://login.example/a/../token"}, "tokenUrl", "segment"),
        (OAUTH | {"clientId": " "}, "clientId", "client ID"),
        (OAUTH | {"grantType": "IMPLICIT"}, "grantType", "CLIENT_CREDENTIALS or PASSWORD"),
        (OAUTH | {"grantType": "PASSWORD"}, "username", "user name"),
        (FOR_USER | {"password": "geheim\n"}, "password", "line breaks"),
        (OAUTH | {"customParameters": "scope"}, "customParameters", "scope=read"),
        (OAUTH | {"customParameters": "scope=a&scope=b"}, "customParameters", "scope=read"),
        (OAUTH | {"customParameters": "{" * 5000}, "customParameters", "scope=read"),
        (OAUTH | {"customParameters": {"scope": 1}}, "customParameters", "scope=read"),
        (OAUTH | {"customParameters": {"client_secret": "x"}}, "customParameters", "it is secret"),
        (OAUTH | {"customParameters": {"a b": "x"}}, "customParameters", "names of 1 to 64"),
        (OAUTH | {"customParameters": {f"p{number}": "x" for number in range(21)}}, "customParameters", "at most 20"),
        (OAUTH | {"customParameters": {"scope": "x" * 1025}}, "customParameters", "1024"),
        (OAUTH | {"clientSecret": "a\nb"}, "clientSecret", "line breaks"),
        ({"type": "WSSE"}, "type", "Use one of"),
        (BASIC | {"username": ""}, "username", "user name"),
        (BASIC | {"username": "a:b"}, "username", "colon"),
        (BASIC | {"username": "a\r\nx"}, "username", "Remove"),
        (BASIC | {"password": "a\r\nX-Evil: 1"}, "password", "line breaks"),
        (BASIC | {"password": 1}, "password", "Use a text"),
        (BASIC | {"password": "x" * 5000}, "password", "4096"),
        (BASIC | {"allowUnencrypted": "yes"}, "allowUnencrypted", "true or false"),
        (BASIC | {"secretVersion": "x" * 65}, "secretVersion", "64"),
        (KEY | {"apiKeyIdentifier": "X: Y"}, "apiKeyIdentifier", "name of a header"),
        (KEY | {"apiKeyIdentifier": "a-b-c-d-e-f"}, "apiKeyIdentifier", "name of a header"),
        (KEY | {"apiKeyIdentifier": ":path"}, "apiKeyIdentifier", "name of a header"),
        (KEY | {"apiKeyIdentifier": "Host"}, "apiKeyIdentifier", "can't contain"),
        (KEY | {"apiKeyIdentifier": "X-Envoy-Retry-On"}, "apiKeyIdentifier", "can't contain"),
        (KEY | {"apiKeyIdentifier": "Transfer-Encoding"}, "apiKeyIdentifier", "can't contain"),
        (KEY | {"apiKeyIdentifierType": "QUERY_PARAMETER"}, "apiKeyIdentifierType", "logs"),
    ],
)
def test_security_that_gateways_cannot_use_is_refused_without_the_secret(members, field, says):
    with pytest.raises(InvalidField, match=says) as refusal:
        read_security(members, "x.")
    assert refusal.value.field == f"x.{field}"
    assert "geheim" not in str(refusal.value)
    assert "Evil" not in str(refusal.value)
