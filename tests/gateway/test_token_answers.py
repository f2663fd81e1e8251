"""Answers of token endpoints that gateways accept, and their reports about others."""

import json

import pytest

from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.probing.token_answer import MAX_ANSWER, NoToken, Token, read_answer

TOKEN = {"access_token": "abc.def", "token_type": "Bearer", "expires_in": 60}


@pytest.mark.parametrize(
    ("members", "lifetime"),
    [
        ({}, 60),
        ({"token_type": "bearer"}, 60),
        ({"expires_in": "120"}, 120),
        ({"expires_in": None}, 300),
        ({"expires_in": 10**9}, 86_400),
    ],
)
def test_a_token_is_used_for_its_lifetime_within_bounds(members, lifetime):
    assert read_answer(200, json.dumps(TOKEN | members).encode()) == Token("abc.def", lifetime)


def _write_body(**members: object) -> bytes:
    return json.dumps(TOKEN | members).encode()


@pytest.mark.parametrize(
    ("status", "body", "cause", "words"),
    [
        (200, b"<html>geheim", Cause.TOKEN_ANSWER_INVALID, "no access_token"),
        (200, b"[1]", Cause.TOKEN_ANSWER_INVALID, "no access_token"),
        (200, b"[" * 50_000, Cause.TOKEN_ANSWER_INVALID, "no access_token"),
        (200, b" " * (MAX_ANSWER + 1), Cause.TOKEN_ANSWER_INVALID, "no access_token"),
        (200, _write_body(access_token=""), Cause.TOKEN_ANSWER_INVALID, "no access_token"),
        (200, _write_body(access_token="a\r\nX-Evil: 1"), Cause.TOKEN_ANSWER_INVALID, "no access_token"),
        (200, _write_body(access_token="ä"), Cause.TOKEN_ANSWER_INVALID, "no access_token"),
        (200, _write_body(access_token="x" * 20_000), Cause.TOKEN_ANSWER_INVALID, "no access_token"),
        (200, _write_body(token_type="mac"), Cause.TOKEN_ANSWER_INVALID, "token_type"),
        (200, _write_body(expires_in=0), Cause.TOKEN_ANSWER_INVALID, "expires_in"),
        (200, _write_body(expires_in="soon"), Cause.TOKEN_ANSWER_INVALID, "expires_in"),
        (200, _write_body(expires_in=[1]), Cause.TOKEN_ANSWER_INVALID, "expires_in"),
        (200, b'{"access_token": "a", "expires_in": NaN}', Cause.TOKEN_ANSWER_INVALID, "expires_in"),
        (302, b"", Cause.TOKEN_ANSWER_INVALID, "status 302"),
        (
            401,
            b'{"error": "invalid_client", "error_description": "geheim"}',
            Cause.TOKEN_REQUEST_REJECTED,
            "401, invalid_c",
        ),
        (400, b'{"error": "geheim"}', Cause.TOKEN_REQUEST_REJECTED, "status 400"),
        (400, b'{"error": ["invalid_client"]}', Cause.TOKEN_REQUEST_REJECTED, "status 400"),
        (503, b"geheim", Cause.TOKEN_REQUEST_REJECTED, "status 503"),
    ],
)
def test_other_answers_have_a_cause_without_the_text_of_the_answer(status, body, cause, words):
    with pytest.raises(NoToken, match=words) as refusal:
        read_answer(status, body)
    assert refusal.value.cause is cause
    assert "geheim" not in refusal.value.words
