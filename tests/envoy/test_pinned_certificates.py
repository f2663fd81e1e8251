"""A real gateway rejects a backend whose certificate has only a common name, until the certificate is pinned."""

import pytest

from backends import Backend
from issuing import issue
from running import Holdfast, refusal, wait_until

pytestmark = pytest.mark.envoy


def test_a_pin_is_enforced_and_undone(holdfast: Holdfast):
    certificate, impostor = issue(common_name="localhost"), issue(common_name="localhost")
    with Backend(certificate) as backend:
        url = backend.url().replace("127.0.0.1", "localhost")
        api = holdfast.publish_api(url)
        alias = holdfast.import_certificate(url, certificate.pem)
        path = f"/endpoint-certificates/{alias}"

        def is_rejected() -> bool:
            answer = holdfast.call(api.path)  # over a connection that was verified before, it may still succeed
            return answer.status_code == 503 and refusal(answer) == "503 backend_not_trusted"

        assert "will reject" in holdfast.rest.get(path).json()["pinProposed"]
        assert is_rejected()
        assert holdfast.rest.post(f"{path}/pin").json()["pinned"]
        wait_until(lambda: holdfast.call(api.path).status_code == 200)
        backend.present(impostor)
        wait_until(is_rejected)
        backend.present(certificate)
        wait_until(lambda: holdfast.call(api.path).status_code == 200)
        assert not holdfast.rest.delete(f"{path}/pin").json()["pinned"]
        wait_until(is_rejected)
