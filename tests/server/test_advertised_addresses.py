"""The addresses that a control plane has for gateways on other machines."""

import socket

import pytest

from enrolling import SEALING
from holdfast.network.addresses import EVERY_ADDRESS, find_own_address, read_ip
from holdfast.server.control_planes.presence import build_presence
from holdfast.server.settings import Settings


@pytest.fixture
def advertise(store, tmp_path, monkeypatch):
    """Return what a control plane with these settings advertises; others use its database if *shared*."""

    def advertise(*, shared=True, **settings):
        monkeypatch.setattr(store, "is_shared", shared)
        return build_presence(Settings(data=tmp_path, **settings), tmp_path, store, SEALING, ()).own.discovery

    return advertise


def test_addresses_of_the_discovery_port_are_advertised_as_they_are(advertise):
    assert advertise(discovery="192.0.2.1:9081,control.example:9082") == ("192.0.2.1:9081", "control.example:9082")
    assert advertise() == ()


def test_every_address_stands_for_the_machines_own(advertise):
    host, _ = EVERY_ADDRESS
    (address,) = advertise(discovery=f"{host}:9081")
    assert address == f"{find_own_address(host)}:9081" != f"{host}:9081"


def test_a_single_control_plane_lets_gateways_use_the_host_of_its_url(advertise):
    assert advertise(shared=False, discovery="0.0.0.0:9081,192.0.2.1:9082") == ("192.0.2.1:9082",)


def test_advertised_addresses_replace_those_of_the_discovery_port(advertise):
    options = {"discovery": "0.0.0.0:9081", "advertise": "203.0.113.7:19081"}
    assert advertise(**options) == advertise(shared=False, **options) == ("203.0.113.7:19081",)


def test_the_own_address_is_one_of_this_machine_or_its_name():
    for host in EVERY_ADDRESS:
        own = find_own_address(host)
        if own != socket.gethostname():
            assert read_ip(own).version == read_ip(host).version
            family = socket.AF_INET6 if ":" in own else socket.AF_INET
            socket.create_server((own, 0), family=family).close()
