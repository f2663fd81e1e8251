"""What callers are told when a request cannot be answered."""

import pytest

from backends import V4, Backend, closed_port
from issuing import issue
from running import Holdfast, refusal

pytestmark = pytest.mark.envoy
NOT_TRUSTED = "503 backend_not_trusted"
UNREACHABLE = "503 backend_unreachable"


def test_callers_are_told_a_code_and_nothing_about_certificates(holdfast: Holdfast):
    secretive = issue("who-i-really-am.test", common_name="who-i-really-am")
    with Backend(secretive) as backend, closed_port() as closed, holdfast.caller() as client:
        for path, expected in (
            ("/nothing-here", "404 not_found"),
            (holdfast.publish_api(backend.url()).path, NOT_TRUSTED),
            (holdfast.publish_api(closed).path, UNREACHABLE),
        ):
            answer = client.get(path)
            assert refusal(answer) == expected
            told = (answer.text + str(answer.headers)).lower()
            for word in ("who-i-really-am", "certificate", "tls", "ssl", "verify", "san", "upstream", "envoy", V4):
                assert word not in told


def test_the_request_id_of_an_error_is_the_one_in_no_other_answer(holdfast: Holdfast):
    ids = {holdfast.call("/nothing-here").json()["request_id"] for _ in range(3)}
    assert len(ids) == 3
