"""Gateways next to control planes have names that neither another one nor an enrolled gateway can have."""

import uuid
from datetime import UTC, datetime

import pytest

from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.control_plane import ControlPlane, check_control_plane_name, derive_name
from holdfast.apis.gateways.gateway import check_gateway_name, is_local_gateway
from holdfast.services.control_planes.presence import Presence


@pytest.mark.parametrize(("shared", "name"), [(False, "local"), (True, "local@cp-1")])
def test_the_name_tells_control_planes_of_a_shared_database_apart(store, shared, name):
    now = datetime.now(UTC)
    presence = Presence(store, ControlPlane(str(uuid.uuid4()), "cp-1", "1", now, now), "", shared=shared)
    assert presence.local_gateway == name
    assert is_local_gateway(name)
    with pytest.raises(InvalidField):
        check_gateway_name(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "a@b", "ä", "a" * 64])
def test_names_of_control_planes_are_checked(name):
    with pytest.raises(ValueError, match="Use 1-63 letters"):
        check_control_plane_name(name)


@pytest.mark.parametrize(
    ("host", "name"),
    [("web-1.example.org", "web-1.example.org"), ("büro 7_", "b-ro-7"), ("", "control-plane"), ("a" * 70, "a" * 63)],
)
def test_a_host_name_becomes_a_valid_name(host, name):
    assert check_control_plane_name(derive_name(host)) == name
