"""What pages show as commands does what the pages do, whatever the values are."""

import shlex
from urllib.parse import quote

import pytest
from starlette.requests import Request

from holdfast.web.commands import _ACTIONS, as_commands  # the list itself is what every line is tried from

REQUEST = Request({"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"127.0.0.1:9080")]})
HOSTILE = "https://a.test/$(touch x)';|&`id`"


@pytest.mark.parametrize("action", list(_ACTIONS))
def test_every_value_is_one_word_of_a_shell(action: str):
    for line in as_commands(REQUEST, action, endpoint=HOSTILE, alias=HOSTILE):
        words = shlex.split(line)
        assert any(HOSTILE in word or quote(HOSTILE, safe="") in word for word in words)
        assert [word for word in words if word in {"|", "&", ";", "touch", "x)"}] == []


def test_curl_goes_to_the_publisher_that_was_asked():
    _, curl = as_commands(REQUEST, "delete", alias="a")
    assert shlex.split(curl)[-1] == "http://127.0.0.1:9080/api/am/publisher/v4/endpoint-certificates/a"
