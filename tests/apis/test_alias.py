"""Rules for aliases."""

import pytest

from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import MAX_ALIAS, check_alias


@pytest.mark.parametrize("alias", ["pizza-backend", "größe", "证书", "a.b_c", "what?", "`", "x" * MAX_ALIAS])
def test_an_alias_is_one_word_in_any_language(alias):
    assert check_alias(f" {alias} ") == alias


@pytest.mark.parametrize("odd", [*"~!@#;:%^*()+={}|\\<>\"',&$[]/", " ", "\u00a0"])
def test_an_alias_with_a_forbidden_character_is_refused(odd):
    with pytest.raises(InvalidField, match="Aliases can't contain") as refusal:
        check_alias(f"a{odd}b")
    assert refusal.value.field == "alias"


@pytest.mark.parametrize(
    ("alias", "why"), [("", "missing"), (" ", "missing"), ("x" * 46, "46 characters; the limit is 45")]
)
def test_an_alias_that_is_missing_or_too_long_is_refused(alias, why):
    with pytest.raises(InvalidField, match=why):
        check_alias(alias)


@pytest.mark.parametrize("alias", [".", ".."])
def test_an_alias_of_dots_only_is_refused(alias):
    with pytest.raises(InvalidField):
        check_alias(alias)
