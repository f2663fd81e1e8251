"""The addresses that Holdfast listens on: several of them, names, and no overlaps."""

import re
import socket

import pytest

from holdfast.network.addresses import is_loopback, read_network
from holdfast.network.sockets import CannotStart, check_free, listen_problem, refuse_open_http
from holdfast.server.machine.listen_addresses import find_listen_addresses
from holdfast.server.settings import Settings

LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "localhost", "LOCALHOST"]
ELSEWHERE = ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "localhost.example", ""]  # noqa: S104
NAMES = {
    "both.test": ["192.0.2.1", "2001:db8::1"],
    "mapped.test": ["::ffff:192.0.2.1"],
    "loopback.test": ["127.0.0.1", "::1"],
}


@pytest.fixture(autouse=True)
def resolver(monkeypatch):
    real = socket.getaddrinfo

    def look_up(host, port, **more):
        return [answer for address in NAMES.get(host, [host]) for answer in real(address, port, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def resolve(**settings):
    addresses = find_listen_addresses(Settings(**settings))
    return {"publisher": addresses.publisher} | {listener.option: listener.addresses for listener in addresses.gateway}


RESOLVED = {
    "127.0.0.1:80": [("127.0.0.1", 80)],
    "0.0.0.0:80,[::]:80": [("0.0.0.0", 80), ("::", 80)],  # noqa: S104
    "127.0.0.1:80, 127.0.0.1:81": [("127.0.0.1", 80), ("127.0.0.1", 81)],
    "127.0.0.1:80,127.0.0.1:80": [("127.0.0.1", 80)],
    "[::ffff:127.0.0.1]:80": [("127.0.0.1", 80)],
    "[2001:DB8:0::1]:80": [("2001:db8::1", 80)],
    "both.test:80": [("192.0.2.1", 80), ("2001:db8::1", 80)],
    "both.test:80,192.0.2.1:80": [("192.0.2.1", 80), ("2001:db8::1", 80)],
    "mapped.test:80": [("192.0.2.1", 80)],
}


@pytest.mark.parametrize("option", ["publisher", "gateway", "sandbox", "gateway_tls", "sandbox_tls"])
@pytest.mark.parametrize(("value", "addresses"), RESOLVED.items(), ids=RESOLVED)
def test_addresses_and_names_are_resolved(option, value, addresses):
    assert resolve(**{option: value})[option.replace("_", "-")] == tuple(addresses)


def test_the_advice_follows_from_why_an_address_cannot_be_used():
    with socket.create_server(("127.0.0.1", 0)) as server:
        advice = {
            server.getsockname(): "Stop the program that uses it, or choose another with --gateway HOST:PORT.",
            ("192.0.2.1", 80): "Assign the address to this machine, or choose another with --gateway HOST:PORT.",
        }
        for address, expected in advice.items():
            text, sentence = listen_problem(address, "gateway") or ("", "")
            assert text.startswith(f"Can't listen on {address[0]}:{address[1]}: ")
            assert sentence == expected
            with pytest.raises(CannotStart, match=re.escape(f"{text} {sentence}")):
                check_free(address, "gateway")


def test_an_option_that_is_repeated_means_all_of_its_addresses():
    assert (
        resolve(gateway=["0.0.0.0:80", "[::]:80,[::1]:81"])["gateway"]
        == resolve(gateway="0.0.0.0:80,[::]:80,[::1]:81")["gateway"]
    )


def test_urls_for_callers_have_the_first_address_as_written():
    addresses = find_listen_addresses(Settings(gateway="both.test:80,127.0.0.1:81", gateway_tls="[2001:db8::1]:443"))
    assert addresses.list_urls(tls=False) == {"production": "http://both.test:80", "sandbox": "http://127.0.0.1:8281"}
    assert addresses.list_urls(tls=True) == {"production": "https://[2001:db8::1]:443"}


CLASHES = {
    "same": (
        {"gateway": "127.0.0.1:80", "sandbox": "127.0.0.1:80"},
        "--gateway and --sandbox both listen on 127.0.0.1:80. Choose another port.",
    ),
    "default": ({"sandbox": "127.0.0.1:8280"}, "--gateway and --sandbox both listen on 127.0.0.1:8280."),
    "every address": (
        {"gateway": "0.0.0.0:80", "sandbox": "127.0.0.1:80"},
        "--gateway 0.0.0.0:80 and --sandbox 127.0.0.1:80 overlap. Choose another port.",
    ),
    "every IPv6 address": (
        {"gateway": "[::1]:80", "sandbox": "[::]:80"},
        "--gateway [::1]:80 and --sandbox [::]:80 overlap. Choose another port.",
    ),
    "publisher": (
        {"publisher": "127.0.0.1:80", "gateway": "0.0.0.0:80"},
        "--publisher 127.0.0.1:80 and --gateway 0.0.0.0:80 overlap.",
    ),
    "TLS": ({"gateway": "127.0.0.1:80", "sandbox_tls": "127.0.0.1:80"}, "--gateway and --sandbox-tls both listen on"),
    "mapped": ({"gateway": "[::ffff:127.0.0.1]:80", "sandbox": "127.0.0.1:80"}, "both listen on 127.0.0.1:80."),
    "name": ({"gateway": "both.test:80", "sandbox": "[2001:db8::1]:80"}, "both listen on [2001:db8::1]:80."),
    "one option": (
        {"gateway": "0.0.0.0:80,127.0.0.1:80"},
        "--gateway 0.0.0.0:80 and --gateway 127.0.0.1:80 overlap. Remove the narrower one.",
    ),
}


@pytest.mark.parametrize(("settings", "sentence"), CLASHES.values(), ids=CLASHES)
def test_overlapping_addresses_are_rejected(settings, sentence):
    with pytest.raises(CannotStart) as refusal:
        resolve(**settings)
    assert sentence in str(refusal.value)


def test_ipv4_and_ipv6_do_not_overlap():
    assert resolve(gateway="0.0.0.0:80", sandbox="[::]:80")


def test_a_name_without_an_address_is_named():
    with pytest.raises(CannotStart, match=r"^--gateway gateway\.invalid:80: gateway\.invalid has no address \(.+\)\. "):
        resolve(gateway="gateway.invalid:80")


@pytest.mark.parametrize(("host", "expected"), [*((host, True) for host in LOOPBACK), *((x, False) for x in ELSEWHERE)])
def test_loopback_is_loopback_in_every_form(host, expected):
    assert is_loopback(host) is expected


@pytest.mark.parametrize("value", ["[::ffff:127.0.0.1]:80", "loopback.test:80", "127.0.0.1:80,[::1]:80"])
def test_http_needs_no_permission_on_this_machine(value):
    refuse_open_http(resolve(publisher=value)["publisher"], allowed=False)


@pytest.mark.parametrize("value", ["[::]:80", "both.test:80", "127.0.0.1:80,192.0.2.1:80", "[::ffff:192.0.2.1]:80"])
def test_http_is_rejected_if_other_machines_can_reach_any_address(value):
    with pytest.raises(CannotStart, match="passwords would be sent unencrypted"):
        refuse_open_http(resolve(publisher=value)["publisher"], allowed=False)


@pytest.mark.parametrize(
    ("value", "network"),
    [
        ("::ffff:127.0.0.1", "127.0.0.1/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("fd00::/8", "fd00::/8"),
    ],
)
def test_networks_of_mapped_addresses_are_ipv4_networks(value, network):
    assert str(read_network(value)) == network
    assert str(Settings(trusted_proxies=value).trusted_proxies[0]) == network
    assert str(Settings(probe_networks=value).probe_networks[0]) == network
