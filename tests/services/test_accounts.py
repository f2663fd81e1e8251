"""Users, passwords and sessions."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import process_time

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from holdfast.services.access.accounts import MAX_PASSWORD, SESSION_LASTS, VERIFIED_LASTS, find_session_principal
from holdfast.services.access.attempts import FREE
from holdfast.services.access.principal import Principal
from holdfast.services.errors import SignInRefused, TooManyAttempts
from holdfast.store import journal
from holdfast.store.access import accounts as rows


@pytest.fixture
def store(shared_runtime):
    return shared_runtime.store


@pytest.fixture
def accounts(shared_runtime):
    return shared_runtime.accounts


@pytest.fixture
def here():
    """An address without failed attempts."""
    return str(uuid.uuid4())


def list_actions(store, user):
    with store.read() as session:
        return [event.action for event in journal.list_audit_events(session, user.organization)]


def fail_to_sign_in(accounts, name, password, here, now):
    with pytest.raises(SignInRefused) as refusal:
        accounts.authenticate(name, password, here, now)
    return str(refusal.value)


def test_of_a_new_password_only_an_argon2id_hash_is_stored(accounts, store, here, clock, shared_storage):
    password = str(uuid.uuid4())
    assert accounts.ensure_user("first", here, password, clock(), reset=False) is True
    with store.read() as session:
        user = rows.get_user_by_name(session, here)
    assert (user.name, user.organization, list_actions(store, user)) == (here, "first", ["create user"])
    assert extract_parameters(user.password_hash).type is Type.ID
    assert here.encode() in shared_storage.content()
    assert password.encode() not in shared_storage.content()


def test_a_wrong_password_and_an_unknown_name_are_rejected_alike(accounts, berta, password, here, clock):
    wrong = fail_to_sign_in(accounts, berta.name, "wrong", here, clock())
    fail_to_sign_in(accounts, berta.name, "", here, clock())
    assert fail_to_sign_in(accounts, "nobody", password, here, clock()) == wrong


def test_an_unknown_name_takes_the_same_work(accounts, password, clock, monkeypatch):
    strong = str(uuid.uuid4())
    accounts.ensure_user("first", strong, password, clock(), reset=False)
    verify, parameters = PasswordHasher.verify, []

    def count(hasher, stored_hash, attempt):
        parameters.append(extract_parameters(stored_hash))
        return verify(hasher, stored_hash, attempt)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    for name in (strong, f"not {strong}", f"{strong}\0"):
        for attempt in ("wrong", "", "x" * (MAX_PASSWORD + 1)):
            fail_to_sign_in(accounts, name, attempt, str(uuid.uuid4()), clock())
    assert len(parameters) == 3 * 2
    assert parameters.count(parameters[0]) == len(parameters)  # the same steps and memory for each


def test_an_endless_password_is_rejected(accounts, berta, here, clock):
    fail_to_sign_in(accounts, berta.name, "x" * (MAX_PASSWORD + 1), here, clock())


def test_attempts_slow_down_and_recover(accounts, berta, password, here, clock):
    def seconds():
        with pytest.raises(TooManyAttempts) as refusal:
            accounts.authenticate(berta.name, password, here, clock())
        return refusal.value.seconds

    for _ in range(FREE + 1):
        fail_to_sign_in(accounts, berta.name, "wrong", here, clock())
    assert seconds() == 1
    fail_to_sign_in(accounts, berta.name, "wrong", here, clock.advance(seconds=1))
    assert seconds() == 2
    assert accounts.authenticate(berta.name, password, here, clock.advance(seconds=2)) == berta
    fail_to_sign_in(accounts, berta.name, "wrong", here, clock())  # earlier failures are forgotten


def test_concurrent_wrong_passwords_are_checked_no_more_often_than_sequential_ones(accounts, berta, clock, monkeypatch):
    verify, attempts = PasswordHasher.verify, []

    def count(hasher, stored_hash, attempt):
        attempts.append(attempt)
        return verify(hasher, stored_hash, attempt)

    def guess(number):
        # An IPv6 host has more addresses than can be counted separately.
        with pytest.raises((SignInRefused, TooManyAttempts)) as refusal:
            accounts.authenticate(f"{berta.name}{number % 2}", f"wrong {number}", f"2001:db8:9::{number:x}", clock())
        return refusal.type

    monkeypatch.setattr(PasswordHasher, "verify", count)
    with ThreadPoolExecutor(24) as pool:
        outcomes = list(pool.map(guess, range(100)))
    assert (outcomes.count(SignInRefused), outcomes.count(TooManyAttempts), len(attempts)) == (FREE + 1, 95, FREE + 1)


def test_a_verified_password_is_remembered_for_a_minute_only(accounts, store, berta, here, clock):
    dearer = PasswordHasher(time_cost=2, memory_cost=16 * 1024, parallelism=1)
    user = replace(berta, id=here, name=here, password_hash=dearer.hash("long enough"))
    with store.write() as session:
        rows.insert_user(session, user, clock())

    def cost():
        start = process_time()
        accounts.authenticate(here, "long enough", here, clock())
        return process_time() - start

    first_cost, later_cost = cost(), min(cost() for _ in range(5))
    clock.time += VERIFIED_LASTS
    assert later_cost < first_cost / 4
    assert later_cost < cost() / 4


def test_a_session_stands_for_its_user_until_sign_out(accounts, store, berta, clock):
    token, second_token = accounts.start_session(berta, clock()), accounts.start_session(berta, clock())
    assert find_session_principal(store, token, clock()) == Principal(berta.organization, berta.name)
    accounts.end_session(token, clock())
    assert find_session_principal(store, token, clock()) is None
    assert find_session_principal(store, second_token, clock()) is not None
    accounts.end_session(token, clock())
    accounts.end_session("forged", clock())
    assert list_actions(store, berta) == ["sign in", "sign in", "sign out"]


def test_a_session_ends_by_time(accounts, store, berta, clock):
    token = accounts.start_session(berta, clock())
    clock.time += SESSION_LASTS
    assert find_session_principal(store, token, clock()) is None


def test_a_forged_token_is_rejected(accounts, store, berta, clock):
    token = accounts.start_session(berta, clock())
    for wrong in ("", "x", token[:-1], token + "x", token.swapcase(), "' OR 1=1 --", "\x00", "ü"):
        assert find_session_principal(store, wrong, clock()) is None


def test_only_the_hash_of_a_token_is_stored(accounts, berta, clock, shared_storage):
    token = accounts.start_session(berta, clock())
    assert len(token) >= 43  # 32 bytes
    assert token.encode() not in shared_storage.content()


def test_a_new_password_ends_the_sessions_and_the_old_password(accounts, store, berta, password, here, clock):
    accounts.authenticate(berta.name, password, here, clock())
    token = accounts.start_session(berta, clock())
    assert accounts.ensure_user(berta.organization, berta.name, "another", clock(), reset=True) is False
    assert list_actions(store, berta)[-1] == "set password"
    assert find_session_principal(store, token, clock()) is None
    fail_to_sign_in(accounts, berta.name, password, here, clock())
    assert accounts.authenticate(berta.name, "another", here, clock()).name == berta.name


def test_a_user_who_exists_keeps_password_and_sessions(accounts, store, berta, password, clock):
    token = accounts.start_session(berta, clock())
    for attempt, reset in ((password, True), ("another", False)):
        assert accounts.ensure_user(berta.organization, berta.name, attempt, clock(), reset=reset) is False
    with store.read() as session:
        assert rows.get_user_by_name(session, berta.name) == berta
    assert find_session_principal(store, token, clock()) is not None


def test_many_sign_ins_at_once_all_succeed(accounts, store, berta, password, here, clock):
    def sign_in(_):
        user = accounts.authenticate(berta.name, password, here, clock())
        return find_session_principal(store, accounts.start_session(user, clock()), clock())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(sign_in, range(24))) == {Principal(berta.organization, berta.name)}
