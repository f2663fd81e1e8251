"""Members of descriptions that Holdfast stores but doesn't use."""

import pytest

from holdfast.apis.catalog.members import MAX_DEPTH, MAX_MEMBERS, check_members, merge_members
from holdfast.apis.errors import InvalidField


def nest(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def test_unknown_members_are_stored_unchanged():
    members = {
        "tags": ["a"],
        "endpointConfig": {"endpoint_type": "http", "sessionTimeOut": ""},
        "x": {"y": None, "ä": 1.5},
    }
    assert check_members(members) == members


def test_members_that_holdfast_sets_itself_are_not_stored():
    assert check_members({"id": "mine", "provider": "else", "lifeCycleStatus": "PUBLISHED", "name": "x"}) == {}


def test_passwords_of_backends_are_not_stored():
    security = {"type": "BASIC", "username": "u", "password": "secret", "production": {"clientSecret": "secret"}}
    members = check_members(
        {"endpointSecurity": security, "endpointConfig": {"endpoint_security": security}, "password": "p"}
    )
    assert "secret" not in str(members).replace("clientSecret", "")
    assert members["endpointSecurity"]["username"] == "u"
    assert members["endpointConfig"]["endpoint_security"]["password"] == ""
    assert members["password"] == "p"


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"x": "y" * MAX_MEMBERS}, "larger"),
        ({"x": nest(MAX_DEPTH)}, "nested"),
        ({"x": "\ud800"}, "aren't text"),
        ({"\0": "x"}, "aren't text"),
        ({"x": float("inf")}, "infinite"),
        ({"x": [{"y": "-----BEGIN RSA PRIVATE KEY-----\nMII"}]}, "private key"),
    ],
)
def test_members_that_cannot_be_stored_are_refused(members, says):
    with pytest.raises(InvalidField, match=says):
        check_members(members)


def test_a_null_member_is_reset_to_its_default():
    assert merge_members({"a": 1, "b": 2}, {"b": None, "c": 3}) == {"a": 1, "c": 3}
