"""The client's address and scheme of requests through proxies."""

import asyncio
import json
import socket

import pytest
from pydantic import ValidationError

from holdfast.network.addresses import EVERYWHERE
from holdfast.network.forwarded import ForwardedClient, find_client_address, is_trusted
from holdfast.server.http.server import serve
from holdfast.server.machine.limits import compute_connection_limits
from holdfast.server.settings import Settings

PROXIES = Settings(trusted_proxies="10.0.0.0/8, 192.0.2.7, fd00::/8").trusted_proxies


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (["1.1.1.1", "203.0.113.9", "10.1.2.3,192.0.2.7"], "203.0.113.9"),
        (["10.1.2.3, 10.1.2.4"], "10.1.2.3"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["2001:db8::1, fd00::2"], "2001:db8::1"),
        (["fe80::1%eth0"], "fe80::1"),
        (["::ffff:203.0.113.9, ::ffff:10.0.0.1"], "203.0.113.9"),
        (["203.0.113.9, , 10.0.0.1,"], "203.0.113.9"),
        (["203.0.113.9, unknown, 10.0.0.1"], "10.0.0.1"),
        (["unknown"], None),
        (["_hidden, <script>"], None),
        ([""], None),
        ([], None),
    ],
)
def test_the_client_is_the_rightmost_address_that_is_not_a_proxy(forwarded_for, client):
    assert find_client_address(forwarded_for, PROXIES) == client


@pytest.mark.parametrize(
    ("peer", "is_proxy"),
    [
        ("10.255.0.1", True),
        ("::ffff:10.255.0.1", True),
        ("192.0.2.7", True),
        ("fd00::1", True),
        ("192.0.2.8", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("testclient", False),
    ],
)
def test_only_the_networks_of_the_setting_are_trusted(peer, is_proxy):
    assert is_trusted(peer, PROXIES) is is_proxy
    assert not is_trusted(peer, Settings().trusted_proxies)


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "proxy.example", "10.0.0.0/8;fd00::/8"])
def test_a_list_of_networks_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValidationError):
        Settings(trusted_proxies=text)


def send_to_application(proxies, *headers):
    """Send a request over a real connection and return the address and scheme that the application sees."""

    async def tell(scope, _receive, send):
        body = json.dumps([scope["client"][0], scope["scheme"]]).encode()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})

    async def ask():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            async with serve(ForwardedClient(tell, proxies), [listening], None, compute_connection_limits(1024)):
                reader, writer = await asyncio.open_connection(*listening.getsockname())
                writer.write("\r\n".join(["GET / HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]).encode())
                answer = await asyncio.wait_for(reader.read(), 5)
                writer.close()
                return answer

    return json.loads(asyncio.run(ask()).partition(b"\r\n\r\n")[2])


FORWARDED = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https")


def test_a_trusted_proxy_sets_the_client_and_scheme():
    assert send_to_application(EVERYWHERE, *FORWARDED) == ["203.0.113.9", "https"]
    assert send_to_application(EVERYWHERE) == ["127.0.0.1", "http"]
    assert send_to_application(EVERYWHERE, "X-Forwarded-Proto: http, HTTPS") == ["127.0.0.1", "https"]
    assert send_to_application(EVERYWHERE, "X-Forwarded-Proto: javascript") == ["127.0.0.1", "http"]


def test_other_peers_are_not_trusted_not_even_local_processes(monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    assert send_to_application((), *FORWARDED) == ["127.0.0.1", "http"]
    assert send_to_application(PROXIES, *FORWARDED) == ["127.0.0.1", "http"]
