"""Names of gateways, labels, and join tokens."""

import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.gateway import check_gateway_name, check_placement
from holdfast.apis.gateways.join_token import JoinToken, NoJoinToken, create_token, read_token

TOKEN = JoinToken(bytes(range(32)), bytes(range(32, 64)))


@pytest.mark.parametrize("name", ["a", "7", "eu-1", "a" * 63, "xn--bcher-kva"])
def test_dns_labels_are_names(name):
    assert check_gateway_name(name) == name


@given(st.text(max_size=70))
def test_a_name_is_a_dns_label_in_lower_case_or_is_rejected(name):
    with suppress(InvalidField):
        assert set(check_gateway_name(name)) <= set(string.ascii_lowercase + string.digits + "-")


def test_the_default_group_is_used_without_a_group():
    assert check_placement("", {}).group == check_placement("  ", {}).group == "Default"
    assert check_placement(" Europe and Asia ", {"zone": ""}).group == "Europe and Asia"


@pytest.mark.parametrize("pin", [None, bytes(32)])
def test_a_token_is_read_as_it_was_written(pin):
    token = create_token(pin)
    assert read_token(token.text) == token
    assert token.text.startswith("hfg_")
    assert token.text.removeprefix("hfg_") not in repr(token)


@given(st.integers(0, len(TOKEN.text)), st.text(max_size=3))
def test_a_changed_token_is_another_token_or_none(position, insertion):
    text = TOKEN.text[:position] + insertion + TOKEN.text[position + len(insertion) :]
    with suppress(NoJoinToken):
        assert read_token(text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "hfg_", "hfp_" + TOKEN.text[4:], TOKEN.text + "=", TOKEN.text[:-1], f" {TOKEN.text}", TOKEN.text + "\n"],
)
def test_an_incomplete_text_is_not_a_token(text):
    with pytest.raises(NoJoinToken) as raised:
        read_token(text)
    assert TOKEN.text[4:20] not in str(raised.value)
