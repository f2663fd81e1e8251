"""Which addresses a tested host may have."""

import threading
from ipaddress import ip_address, ip_network

import pytest

from holdfast.addresses import EVERYWHERE, MAX_ADDRESSES, AddressRefused, NoAddress, may_be_reached, resolve

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
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "2001:0:5db8:d822::5601:5601",
]
PUBLIC = ["127.0.0.1", "::1", "10.0.0.1", "93.184.216.34", "2606:2800:21f:cb07::1", "::ffff:10.0.0.1", "fd00::1"]


def resolved(*addresses: str, networks=EVERYWHERE) -> list[str]:
    return resolve("backend.test", networks, 5, lambda _: addresses)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_connected_to(address):
    everything = [*EVERYWHERE, ip_network(f"{address}/{ip_address(address).max_prefixlen}")]
    with pytest.raises(AddressRefused):
        resolved(address, networks=everything)


@pytest.mark.parametrize("address", PUBLIC)
def test_all_others_are_unless_a_setting_says_otherwise(address):
    assert resolved(address) == [str(ip_address(address))]


def test_only_allowed_networks_are_connected_to():
    networks = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]
    assert resolved("10.1.2.3", "127.0.0.1", "2001:db8::1", "::1", networks=networks) == ["2001:db8::1", "10.1.2.3"]
    for outside in ("127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::"):
        with pytest.raises(AddressRefused):
            resolved(outside, networks=networks)


def test_a_way_around_by_another_form_of_an_address_is_none():
    networks = [ip_network("::/0"), ip_network("10.0.0.0/8")]
    assert not may_be_reached(ip_address("::ffff:127.0.0.1"), networks)
    assert not may_be_reached(ip_address("64:ff9b::127.0.0.1"), networks)
    assert may_be_reached(ip_address("::ffff:10.0.0.1"), networks)


def test_a_name_is_resolved_once_and_its_refused_addresses_are_left_out():
    asked = []

    def resolver(host):
        asked.append(host)
        return ["169.254.169.254", "192.0.2.1", "2001:db8::1", "192.0.2.1", "fe80::1%eth0"]

    assert resolve("backend.test", EVERYWHERE, 5, resolver) == ["2001:db8::1", "192.0.2.1"]
    assert asked == ["backend.test"]


def test_of_many_addresses_the_first_are_taken():
    assert len(resolved(*[f"192.0.2.{number}" for number in range(100)])) == MAX_ADDRESSES


def test_the_names_and_addresses_of_this_machine_are_found():
    assert "127.0.0.1" in resolve("localhost", EVERYWHERE, 5)
    assert resolve("::1", EVERYWHERE, 5) == ["::1"]


def test_a_name_without_an_address_is_told_as_such():
    with pytest.raises(NoAddress, match=r"backend\.test has no address"):
        resolved()


def test_a_resolver_that_does_not_answer_is_not_waited_for():
    answered = threading.Event()
    try:
        with pytest.raises(NoAddress, match="in time"):
            resolve("backend.test", EVERYWHERE, 0.05, lambda _: ["192.0.2.1"] if answered.wait(20) else [])
    finally:
        answered.set()
