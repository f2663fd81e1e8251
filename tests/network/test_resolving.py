"""Addresses that probes may connect to."""

import threading
from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.network.addresses import (
    EVERYWHERE,
    MAX_ADDRESSES,
    AddressRefused,
    NoAddress,
    may_be_reached,
    resolve,
)

NEVER = [
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "::",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:0:a9fe:a9fe",
    "fd00:ec2::23",
    "::255.255.255.255",
    "::ffff:0:0:0",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "2001:0:5db8:d822::5601:5601",
    "2001:db8::5efe:169.254.169.254",
    "2001:db8::200:5efe:0.0.0.0",
    "2001:db8:64::a9fe:a9fe",
    "2001:db8:64::100.100.100.200",
]
PUBLIC = ["127.0.0.1", "::1", "10.0.0.1", "93.184.216.34", "2606:2800:21f:cb07::1", "::ffff:10.0.0.1", "fd00::1"]


def resolve_to(*addresses: str, networks=EVERYWHERE) -> list[str]:
    return resolve("backend.test", networks, 5, lambda _: addresses)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_connected_to(address):
    everything = [*EVERYWHERE, ip_network(f"{address}/{ip_address(address).max_prefixlen}")]
    with pytest.raises(AddressRefused):
        resolve_to(address, networks=everything)


@pytest.mark.parametrize("address", PUBLIC)
def test_all_other_addresses_are_allowed_by_default(address):
    assert resolve_to(address) == [str(ip_address(address))]


def test_only_allowed_networks_are_connected_to():
    networks = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]
    assert resolve_to("10.1.2.3", "127.0.0.1", "2001:db8::1", "::1", networks=networks) == ["2001:db8::1", "10.1.2.3"]
    for outside in ("127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::"):
        with pytest.raises(AddressRefused):
            resolve_to(outside, networks=networks)


def test_other_forms_of_a_forbidden_address_are_forbidden_too():
    networks = [ip_network("::/0"), ip_network("10.0.0.0/8")]
    assert not may_be_reached(ip_address("::ffff:127.0.0.1"), networks)
    assert not may_be_reached(ip_address("64:ff9b::127.0.0.1"), networks)
    assert may_be_reached(ip_address("::ffff:10.0.0.1"), networks)


def nat64(length: int):
    """Embed an IPv4 address after a NAT64 prefix of *length* bits (RFC 6052, section 2.2); the u octet is zero."""

    def embed(address: bytes) -> bytes:
        prefix = bytes.fromhex("0064ff9b000100000000000000")[: length // 8]
        rest = prefix + address
        return (rest[:8] + b"\0" + rest[8:] if length < 96 else rest).ljust(16, b"\0")

    return embed


EMBEDDINGS = {
    "mapped": lambda four: bytes(10) + b"\xff\xff" + four,
    "translated": lambda four: bytes(8) + b"\xff\xff\0\0" + four,
    "compatible": lambda four: bytes(12) + four,
    "NAT64": lambda four: bytes.fromhex("0064ff9b") + bytes(8) + four,
    **{f"local NAT64 /{length}": nat64(length) for length in (48, 56, 64)},
    "local NAT64 /96": lambda four: bytes.fromhex("0064ff9b0001") + bytes(6) + four,
    "6to4": lambda four: b"\x20\x02" + four + bytes(9) + b"\1",
    "Teredo server": lambda four: bytes.fromhex("20010000") + four + bytes(4) + b"\xa3\x47\x28\xdd",
    "Teredo client": lambda four: bytes.fromhex("200100005db8d82200000000") + bytes(255 - byte for byte in four),
    "ISATAP": lambda four: bytes.fromhex("20010db80000000000005efe") + four,
    "ISATAP, unique": lambda four: bytes.fromhex("20010db80000000002005efe") + four,
}
FORBIDDEN = ["0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32", "192.0.0.192/32"]


@pytest.mark.long
@pytest.mark.parametrize("embed", EMBEDDINGS.values(), ids=EMBEDDINGS)
@given(address=st.sampled_from(FORBIDDEN).flatmap(lambda network: st.ip_addresses(network=network)))
def test_embeddings_of_a_forbidden_address_are_forbidden(embed, address):
    embedding = IPv6Address(embed(address.packed))
    if embedding != ip_address("::1"):  # is in the network of IPv4-compatible addresses, but isn't one
        assert not may_be_reached(embedding, EVERYWHERE)


@pytest.mark.parametrize("name", [name for name in EMBEDDINGS if "local" not in name])
def test_embeddings_need_an_allowed_ipv4_address(name):
    embedding = IPv6Address(EMBEDDINGS[name](ip_address("93.184.216.34").packed))
    assert may_be_reached(embedding, EVERYWHERE)
    assert not may_be_reached(embedding, [ip_network("::/0"), ip_network("10.0.0.0/8")])


def test_a_name_is_resolved_once_and_its_forbidden_addresses_are_dropped():
    hosts = []

    def resolver(host):
        hosts.append(host)
        return ["169.254.169.254", "192.0.2.1", "2001:db8::1", "192.0.2.1", "fe80::1%eth0"]

    assert resolve("backend.test", EVERYWHERE, 5, resolver) == ["2001:db8::1", "192.0.2.1"]
    assert hosts == ["backend.test"]


def test_the_number_of_addresses_is_limited():
    assert len(resolve_to(*[f"192.0.2.{number}" for number in range(100)])) == MAX_ADDRESSES


def test_names_and_addresses_of_this_machine_are_resolved():
    assert "127.0.0.1" in resolve("localhost", EVERYWHERE, 5)
    assert resolve("::1", EVERYWHERE, 5) == ["::1"]


def test_names_below_localhost_are_this_machine_as_for_gateways():
    assert resolve("no_such_name.localhost", EVERYWHERE, 5) == ["::1", "127.0.0.1"]
    with pytest.raises(AddressRefused):
        resolve("no_such_name.localhost", [ip_network("10.0.0.0/8")], 5)


def test_a_name_without_an_address_is_reported():
    with pytest.raises(NoAddress, match=r"backend\.test has no address"):
        resolve_to()


def test_waiting_for_a_silent_resolver_is_limited():
    released = threading.Event()
    try:
        with pytest.raises(NoAddress, match="timed out"):
            resolve("backend.test", EVERYWHERE, 0.05, lambda _: ["192.0.2.1"] if released.wait(20) else [])
    finally:
        released.set()
