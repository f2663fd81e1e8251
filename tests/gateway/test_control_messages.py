"""Messages of the control stream, including those of malicious agents and of other versions."""

import contextlib
import json

import pytest
from hypothesis import given, strategies

from holdfast.gateway.control.answers import (
    ANSWERS,
    MAX_ANSWER,
    ConnectionEnd,
    ConnectResult,
    FailedHandshakeResult,
    HandshakeResult,
    HeadResult,
    ProbeFailure,
    ResolveResult,
)
from holdfast.gateway.control.messages import MalformedMessage, read, write
from holdfast.gateway.control.reports import REPORTS
from holdfast.gateway.control.requests import MAX_REQUEST, REQUESTS, Connect, End, Head, ProbeBackend, Resolve
from holdfast.gateway.probing.connection import Answer, HeadAnswer
from holdfast.gateway.probing.resources import make_name
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, SECRET, Resource
from holdfast.network.presentation import MAX_CERTIFICATES, FailedHandshake, Handshake, Obstacle

NAME = make_name()
SEEN = HandshakeResult(1, Handshake("192.0.2.1:443", (b"\x30\x00", b""), 3, "TLSv1.3", "X", "h2", True, "why"))
RESOURCES = (Resource(CLUSTER, NAME, "1", b"\x00\xff"), Resource(SECRET, f"{NAME}/client", "2", b"key"))
CONNECTED = ConnectResult(1, Answer(True, "", "", "192.0.2.1:443", "TLSv1.3", "X", "ab" * 32))


@pytest.mark.parametrize(
    "message",
    [
        CONNECTED,
        ConnectionEnd(2),
        HeadResult(3, HeadAnswer(0, frozenset({"UPE", "HTTP/2"}))),
        ProbeFailure(4, True, "ä\n"),
        Connect(1, RESOURCES),
        Head(2, RESOURCES[:1], "backend.test:8443", "/a?b=c"),
        End(2**53 - 1),
        Resolve(1, "backend.test"),
        ProbeBackend(2, ("192.0.2.1", "2001:db8::1"), 443, "", 5.0),
        ResolveResult(1, ("192.0.2.1", "2001:db8::1")),
        ResolveResult(2, (), "backend.test has no address."),
        SEEN,
        FailedHandshakeResult(3, FailedHandshake(Obstacle.NOT_TLS, "x", "192.0.2.1:443")),
    ],
    ids=lambda message: message.KIND,
)
def test_a_message_is_read_as_it_was_written(message):
    kinds, longest = (ANSWERS, MAX_ANSWER) if message.KIND in ANSWERS else (REQUESTS, MAX_REQUEST)
    assert read(write(message), kinds, longest) == message
    newer = json.loads(write(message)) | {"addedLater": [{}]}
    assert read(json.dumps(newer).encode(), kinds, longest) == message


def test_a_kind_of_another_version_is_ignored():
    assert read(b'{"kind":"added later","id":-1}', ANSWERS, MAX_ANSWER) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"kind":1}',
        b'{"kind":null,"id":1}',
        b"[" * 200_000,
        b'{"kind":"closed","id":' + b"[" * 100_000,
        b'{"kind":"closed","id":' + b"9" * 10_000 + b"}",
        b'{"kind":"closed"}',
        b'{"kind":"closed","id":-1}',
        b'{"kind":"closed","id":true}',
        b'{"kind":"closed","id":1.0}',
        b'{"kind":"closed","id":9007199254740992}',
        b'{"kind":"closed","id":NaN}',
        b'{"kind":"closed","id":1,"x":1e999}',
        b'{"kind":"closed","id":1}' + b" " * MAX_ANSWER,
        b'{"kind":"failed","id":1,"rejected":"yes","reason":""}',
        b'{"kind":"failed","id":1,"rejected":true,"reason":"' + b"x" * 1001 + b'"}',
        b'{"kind":"headed","id":1,"status":600,"flags":[]}',
        b'{"kind":"headed","id":1,"status":200,"flags":["x",1]}',
        b'{"kind":"headed","id":1,"status":200,"flags":' + json.dumps(["x"] * 21).encode() + b"}",
        json.dumps(json.loads(write(CONNECTED)) | {"fingerprint": "AB" * 32}).encode(),
        json.dumps(json.loads(write(CONNECTED)) | {"address": {"x": 1}}).encode(),
        json.dumps(json.loads(write(SEEN)) | {"sent": ["AA=="] * (MAX_CERTIFICATES + 1)}).encode(),
        json.dumps(json.loads(write(SEEN)) | {"sent": ["A"]}).encode(),
        json.dumps(json.loads(write(SEEN)) | {"sent": "AA=="}).encode(),
        json.dumps(json.loads(write(SEEN)) | {"beyond": -1}).encode(),
        b'{"kind":"resolved","id":1,"addresses":["backend.test"],"reason":""}',
        b'{"kind":"resolved","id":1,"addresses":["fe80::1%eth0\\u0000"],"reason":""}',
        b'{"kind":"resolved","id":1,"addresses":' + json.dumps(["192.0.2.1"] * 9).encode() + b',"reason":""}',
        b'{"kind":"not seen","id":1,"obstacle":"lies","text":"","address":""}',
    ],
    ids=lambda data: data[:60].decode("latin-1"),
)
def test_an_answer_that_is_malformed_or_too_long_is_rejected(data):
    with pytest.raises(MalformedMessage):
        read(data, ANSWERS, MAX_ANSWER)


def test_text_that_utf_8_cannot_hold_is_replaced():
    message = read(rb'{"kind":"failed","id":1,"rejected":false,"reason":"a\ud800b"}', ANSWERS, MAX_ANSWER)
    assert message == ProbeFailure(1, False, "a?b")


@pytest.mark.parametrize(
    "resources",
    [
        (),
        RESOURCES[1:],
        RESOURCES[:1] * 2,
        (*RESOURCES, *RESOURCES[1:] * 2),
        (Resource(LISTENER, NAME, "1", b""), *RESOURCES),
        (Resource(CLUSTER, "default/pizza/production", "1", b""),),
        (Resource(CLUSTER, f"{NAME}/../x", "1", b""),),
    ],
)
def test_an_agent_accepts_only_resources_of_probes(resources):
    """Otherwise they could replace the resources of traffic."""
    with pytest.raises(MalformedMessage):
        read(write(Connect(1, resources)), REQUESTS, MAX_REQUEST)


@pytest.mark.parametrize(("authority", "path"), [("a b", "/"), ("a", "x"), ("a", "/\r\nx: y"), ("a", "/ä"), ("", "/")])
def test_an_agent_sends_no_request_that_it_would_have_to_escape(authority, path):
    with pytest.raises(MalformedMessage):
        read(write(Head(1, RESOURCES, authority, path)), REQUESTS, MAX_REQUEST)


def test_data_that_is_not_base64_is_rejected():
    message = json.loads(write(Connect(1, RESOURCES)))
    message["resources"][0]["body"] = "ä==="
    with pytest.raises(MalformedMessage):
        read(json.dumps(message).encode(), REQUESTS, MAX_REQUEST)


KINDS = {**ANSWERS, **REPORTS}
VALID = [
    json.loads(write(message))
    for message in (CONNECTED, SEEN, ProbeFailure(1, True, ""), ResolveResult(1, ("192.0.2.1",)))
]
SCALARS = strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text()


@given(strategies.sampled_from(VALID), strategies.integers(0, 9), SCALARS | strategies.lists(SCALARS, max_size=3))
def test_a_message_with_another_value_is_read_or_rejected(message, number, value):
    name = list(message)[number % len(message)]
    with contextlib.suppress(MalformedMessage):
        read(json.dumps(message | {name: value}).encode(), KINDS, MAX_ANSWER)


@given(strategies.binary())
def test_other_bytes_are_rejected_or_ignored(data):
    with contextlib.suppress(MalformedMessage):
        assert read(data, KINDS, MAX_ANSWER) is None
