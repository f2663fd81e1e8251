"""Every way to write a host is one host to traffic, to a test of the backend and to a check of the endpoint."""

import pytest

from backends import V4, V6, Backend
from issuing import issue
from running import Holdfast

pytestmark = pytest.mark.envoy
HOSTS = {
    "localhost": "localhost",
    "LocalHost": "localhost",
    "localhost.": "localhost",
    "a_b.localhost": "a_b.localhost",
    "_a.b-_c.localhost": "_a.b-_c.localhost",
    "A_B.LocalHost.": "a_b.localhost",
    "xn--bcher-kva.localhost": "xn--bcher-kva.localhost",
    "bücher.localhost": "xn--bcher-kva.localhost",
    V4: V4,
    "[::1]": V6,
    "[0:0:0:0:0:0:0:1]": V6,
}


@pytest.mark.parametrize(("spelling", "host"), HOSTS.items())
def test_a_host_is_the_same_to_traffic_tests_and_checks(holdfast: Holdfast, spelling: str, host: str):
    identity = issue(host)
    with Backend(identity, V6 if host == V6 else V4) as backend:
        url = f"https://{spelling}:{backend.port}"
        api = holdfast.publish_api(url)
        form = {"endpoint": (None, url)}
        before = holdfast.rest.post("/endpoints/probe", files=form).json()["verdict"]
        upload = form | {"certificate": ("backend.crt", identity.pem)}
        test = holdfast.rest.post("/endpoints/probe", files=upload).json()
        holdfast.import_certificate(url, identity.pem)
        check = holdfast.rest.post("/apis/validate-endpoint", params={"endpointUrl": url}).json()
        response = holdfast.call(api.path)
    assert (before["accepted"], before["code"]) == (False, "self_signed_not_trusted")
    assert test["verdict"]["accepted"], test
    assert check == {"statusCode": 200, "statusMessage": "OK", "error": ""}
    assert response.status_code == 200
