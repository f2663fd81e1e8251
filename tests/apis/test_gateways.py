"""Names of gateways, labels, and join tokens."""

import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.gateway import check_gateway_name, check_placement
from holdfast.apis.gateways.join_token import MAX_LENGTH, MAX_PINS, JoinToken, NoJoinToken, create_token, read_token

TOKEN = JoinToken(bytes(range(32)), (bytes(range(32, 64)), bytes(range(64, 96))))


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


@pytest.mark.parametrize("pins", [0, 1, 2, MAX_PINS])
def test_a_token_is_read_as_it_was_written(pins):
    token = create_token(bytes([number] * 32) for number in range(pins))
    assert read_token(token.text) == token
    assert len(token.pins) == pins
    assert len(token.text) <= MAX_LENGTH
    assert token.text.startswith("hfg_")
    assert token.text.removeprefix("hfg_") not in repr(token)


def test_control_planes_with_the_same_key_have_one_pin_and_more_than_the_limit_have_none():
    assert create_token([bytes(32)] * 3).pins == (bytes(32),)
    assert len(create_token(bytes([number] * 32) for number in range(MAX_PINS + 1)).pins) == MAX_PINS


@given(st.integers(0, len(TOKEN.text)), st.text(max_size=3))
def test_a_changed_token_is_another_token_or_none(position, insertion):
    text = TOKEN.text[:position] + insertion + TOKEN.text[position + len(insertion) :]
    with suppress(NoJoinToken):
        assert read_token(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hfg_",
        "hfp_" + TOKEN.text[4:],
        TOKEN.text + "=",
        TOKEN.text[:-1],
        f" {TOKEN.text}",
        TOKEN.text + "\n",
        TOKEN.text * 9,
    ],
)
def test_an_incomplete_text_is_not_a_token(text):
    with pytest.raises(NoJoinToken) as error:
        read_token(text)
    assert TOKEN.text[4:20] not in str(error.value)
