"""The rules for new passwords."""

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from holdfast.apis.errors import InvalidField
from holdfast.services.access.passwords import MAX_PASSWORD, Passwords, check_password


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("elevenchars", "at least 12"),
        ("", "at least 12"),
        ("x" * (MAX_PASSWORD + 1), "at most 1024"),
        ("aaaaaaaaaaaaaaaa", "repeats a short pattern"),
        ("abcabcabcabc", "repeats a short pattern"),
        ("dragondragon", "repeats a short pattern"),
        ("918273645546372819", "common"),
        ("Password123456!", "common"),
        ("1qaz2wsx3edc", "common"),
        ("**12dragon2024**", "common"),
        ("anna.karenina", "user name"),
        ("Anna.Karenina1878", "user name"),
        ("anna.karenina@acme", "user name"),
    ],
)
def test_easily_guessed_passwords_are_rejected(password, says):
    with pytest.raises(InvalidField, match=says) as refusal:
        check_password(password, "anna.karenina@acme", "new")
    assert refusal.value.field == "new"


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "Tr0ub4dor&3-plus", "päßwörter im regen", "это длинные слова"],
)
def test_passphrases_are_accepted(password):
    assert check_password(password, "anna") == password


@pytest.fixture
def _costly(monkeypatch):
    """Hashes that cost what they cost in production, unlike in other tests."""
    monkeypatch.setattr("holdfast.services.access.passwords.PasswordHasher", PasswordHasher)


@pytest.mark.usefixtures("_costly")
def test_a_hash_costs_what_rfc_9106_recommends():
    parameters = extract_parameters(Passwords().hash("correct horse battery staple"))
    assert parameters.type is Type.ID
    # Section 4: the second recommended option.
    assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) >= (3, 64 * 1024, 4)


@pytest.mark.usefixtures("_costly")
def test_a_password_for_nobody_takes_the_same_work_to_reject():
    passwords = Passwords()
    assert extract_parameters(passwords.nobody) == extract_parameters(PasswordHasher().hash("another password"))
    assert not passwords.matches(passwords.nobody, "another password")
    assert passwords.nobody != Passwords().nobody
