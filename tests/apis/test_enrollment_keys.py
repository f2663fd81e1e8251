"""Enrollment keys as operators write them into files."""

import pytest

from holdfast.apis.gateways.enrollment_key import (
    MAX_KEYS,
    UnusableEnrollmentKeys,
    find_group,
    is_enrollment_key,
    read_enrollment_keys,
)

NEW, OLD = "hfe_" + "0123456789abcdef" * 4, "hfe_" + "A-_" * 20


def test_a_file_has_keys_for_groups_and_the_default_group():
    keys = read_enrollment_keys(f"{NEW}\n\n {OLD}  Europe and Asia \r\n")
    assert [(key.text, key.group) for key in keys] == [(NEW, "Default"), (OLD, "Europe and Asia")]
    assert NEW not in repr(keys)
    assert [find_group(keys, text) for text in (NEW, OLD, NEW[:-1], "", "hfe_\u00e9")] == [
        "Default",
        "Europe and Asia",
        None,
        None,
        None,
    ]
    assert is_enrollment_key(NEW)
    assert not is_enrollment_key("hfg_" + NEW[4:])


@pytest.mark.parametrize(
    "text", ["", "\n", NEW[4:], NEW[:20], f"{NEW}=", "password", f"Default {NEW}", f"{NEW}\n" * (MAX_KEYS + 1)]
)
def test_weak_missing_and_incomplete_keys_are_rejected_without_showing_them(text):
    with pytest.raises(UnusableEnrollmentKeys) as error:
        read_enrollment_keys(text)
    assert NEW[4:20] not in str(error.value)
