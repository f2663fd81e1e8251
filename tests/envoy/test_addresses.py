"""Backends at names, addresses and ports."""

import pytest

from backends import V4, V6, Backend
from issuing import issue
from running import Holdfast, refusal, wait_until

pytestmark = pytest.mark.envoy
NOT_TRUSTED = "503 backend_not_trusted"
IDENTITY = issue(V4, V6, "localhost")


def test_a_name_is_reached_at_whichever_of_its_addresses_answers(holdfast: Holdfast):
    with Backend(IDENTITY) as backend:  # localhost is ::1 too, where nobody listens
        url = backend.url(host="localhost")
        api = holdfast.publish_api(url)
        alias = holdfast.import_certificate(url, IDENTITY.pem)
        assert [holdfast.call(api.path).status_code for _ in range(20)] == [200] * 20
        holdfast.delete_certificate(alias)
        wait_until(lambda: holdfast.call(api.path).status_code == 503)
        assert [refusal(holdfast.call(api.path)) for _ in range(20)] == [NOT_TRUSTED] * 20


def test_a_name_with_only_an_ipv6_address_is_reached(holdfast: Holdfast):
    with Backend(IDENTITY, V6) as backend:
        api = holdfast.publish_trusted_api(backend.url(host="localhost"), IDENTITY.pem)
        assert [holdfast.call(api.path).status_code for _ in range(20)] == [200] * 20


@pytest.mark.parametrize("address", [V4, V6])
def test_an_address_is_reached_and_told_its_authority(holdfast: Holdfast, address: str):
    with Backend(IDENTITY, address) as backend:
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        headers = holdfast.call(api.path).json()["headers"]
        assert headers["host"] == backend.url().removeprefix("https://")
        assert headers["x-forwarded-host"] == holdfast.gateway_url.removeprefix("http://")
