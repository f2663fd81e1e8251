"""Changes of accounts at another control plane have their effect here at once, even in the middle of a sign-in."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from acting import context_of
from cheap_passwords import CHEAP
from enrolling import SEALING
from holdfast.apis.errors import InvalidField
from holdfast.services.access import oauth, own_account
from holdfast.services.access.accounts import Accounts, find_session_principal, make_principal
from holdfast.services.access.attempts import FREE
from holdfast.services.access.oauth import GrantRefused, TokenRequest
from holdfast.services.errors import SignInRefused, TooManyAttempts
from holdfast.store.access import accounts as rows

HERE = "192.0.2.7"
NEW = "several other words"


@pytest.fixture
def here(shared_runtime):
    return Accounts(shared_runtime.store, SEALING)


@pytest.fixture
def elsewhere(shared_runtime):
    return Accounts(shared_runtime.store, SEALING)


@pytest.fixture
def change(shared_runtime):
    """Change a user at the other control plane."""

    def set_password(session, user):
        rows.set_password_hash(session, user, CHEAP.hash(NEW))

    def disable(session, user):
        rows.update_user(session, replace(user, disabled=True))

    changes = {"password": set_password, "disabled": disable, "deleted": rows.remove_user}

    def change(user, how):
        with shared_runtime.store.write() as session:
            changes[how](session, user)

    return change


@pytest.fixture
def application(shared_runtime, berta, clock):
    context = context_of(shared_runtime.store, make_principal(berta), clock())
    return oauth.register_application(context, "script", [grant.value for grant in oauth.Grant])[0]


HOW = pytest.mark.parametrize("how", ["password", "disabled", "deleted"])


@HOW
def test_a_password_that_was_verified_before_is_no_longer_accepted(here, berta, password, change, clock, how):
    here.authenticate(berta.name, password, HERE, clock())
    change(berta, how)
    with pytest.raises(SignInRefused):
        here.authenticate(berta.name, password, HERE, clock())


@HOW
def test_no_session_begins_for_a_user_who_has_changed_since_they_were_verified(
    here, berta, password, change, clock, how
):
    user = here.authenticate(berta.name, password, HERE, clock())
    change(berta, how)
    with pytest.raises(SignInRefused):
        here.start_session(user, clock())


@HOW
def test_a_session_ends_everywhere(shared_runtime, elsewhere, berta, change, clock, how):
    token = elsewhere.start_session(berta, clock())
    change(berta, how)
    assert find_session_principal(shared_runtime.store, token, clock()) is None


@HOW
def test_no_token_is_issued_for_a_user_who_has_changed_since_they_were_verified(
    shared_runtime, here, application, berta, password, change, clock, how, monkeypatch
):
    authenticate = here.authenticate

    def authenticate_slowly(*arguments):
        user = authenticate(*arguments)
        change(berta, how)
        return user

    monkeypatch.setattr(here, "authenticate", authenticate_slowly)
    request = TokenRequest("password", berta.name, password)
    with pytest.raises(GrantRefused):
        oauth.grant_token(shared_runtime.store, here, application, request, HERE, clock())


def test_a_change_of_password_does_not_undo_one_made_meanwhile(
    shared_runtime, here, berta, password, change, clock, monkeypatch
):
    monkeypatch.setattr(own_account, "check_password", lambda new, *_: change(berta, "password") or new)
    context = context_of(shared_runtime.store, make_principal(berta), clock())
    with pytest.raises(InvalidField, match="isn't your current password"):
        own_account.change_password(context, here, password, "words of an intruder", HERE)
    assert here.authenticate(berta.name, NEW, HERE, clock()).name == berta.name


def test_of_requests_with_one_refresh_token_one_gets_tokens(
    shared_runtime, here, elsewhere, application, berta, password, clock
):
    def ask(control_plane, request):
        try:
            return oauth.grant_token(shared_runtime.store, control_plane, application, request, HERE, clock())
        except GrantRefused:
            return None

    refresh = ask(here, TokenRequest("password", berta.name, password)).refresh
    with ThreadPoolExecutor(4) as pool:
        request = TokenRequest("refresh_token", refresh=refresh)
        grants = list(pool.map(lambda service: ask(service, request), [here, elsewhere] * 4))
    assert len([grant for grant in grants if grant]) == 1


def test_failures_elsewhere_delay_sign_ins_here(here, elsewhere, berta, password, clock):
    for _ in range(FREE + 1):
        with pytest.raises(SignInRefused):
            elsewhere.authenticate(berta.name, "wrong", HERE, clock())
    with pytest.raises(TooManyAttempts):
        here.authenticate(berta.name, password, "192.0.2.8", clock())
    here.authenticate(berta.name, password, "192.0.2.8", clock.advance(seconds=1))
    elsewhere.authenticate(berta.name, password, HERE, clock.advance(seconds=1))
