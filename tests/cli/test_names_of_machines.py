"""The names under which gateways join: those of their machines, as far as gateways can have them."""

import pytest

from holdfast.apis.gateways.gateway import check_gateway_name
from holdfast.cli.server.first_start import make_name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("holdfast-gateway-0", "holdfast-gateway-0"),
        ("ip-10-0-1-2.eu-west-1.compute.internal", "ip-10-0-1-2-eu-west-1-compute-internal"),
        ("Müller_PC.", "m-ller-pc"),
        ("a" * 62 + ".example", "a" * 62),
    ],
)
def test_the_name_of_a_machine_becomes_the_name_of_a_gateway(host, name):
    assert check_gateway_name(make_name(host)) == name
