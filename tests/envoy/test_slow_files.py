"""Files that require much hashing do not delay others."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from issuing import issue
from running import Holdfast

pytestmark = pytest.mark.envoy
AT_ONCE = 9
SOON = 5.0  # seconds for an answer; measured: 0.1 at most


def slow_truststore() -> bytes:
    """Make a file whose one key takes a loop of 300,000 rounds in Python."""
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(300_000).hmac_hash(hashes.SHA256())
    builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
    certificate = pkcs12.PKCS12Certificate(issue("slow.test").certificate, None)
    return pkcs12.serialize_java_truststore([certificate], builder.build(b"secret"))


def test_many_slow_files_at_once_leave_other_requests_answered(holdfast: Holdfast):
    file = {"certificate": ("slow.p12", slow_truststore())}

    def inspect(_: int) -> httpx2.Response:
        path = "/endpoint-certificates/inspect"
        return holdfast.rest.post(path, data={"password": "secret"}, files=file, timeout=60)

    for _ in range(3):  # a busy machine can pause once
        slowest, count, answers = _ask_meanwhile(holdfast, inspect)
        if slowest < SOON:
            break
    assert {answer.status_code for answer in answers} <= {200, 400, 503}
    assert any(answer.status_code == 200 for answer in answers)
    rejections = [answer for answer in answers if answer.status_code == 503]
    assert rejections
    assert {rejection.headers["retry-after"] for rejection in rejections} == {"5"}
    assert count > 10
    assert slowest < SOON


def _ask_meanwhile(
    holdfast: Holdfast, inspect: Callable[[int], httpx2.Response]
) -> tuple[float, int, list[httpx2.Response]]:
    """Upload files at once and ask something else meanwhile; return its slowest answer, their number, the others."""
    slowest, count = 0.0, 0
    with ThreadPoolExecutor(AT_ONCE) as threads:
        uploads = [threads.submit(inspect, number) for number in range(AT_ONCE)]
        while not all(upload.done() for upload in uploads):
            start = time.monotonic()
            assert holdfast.rest.get("/apis", timeout=60).status_code == 200
            slowest, count = max(slowest, time.monotonic() - start), count + 1
    return slowest, count, [upload.result() for upload in uploads]
