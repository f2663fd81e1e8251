"""Audit events of REST and pages: the addresses that changes came from, and failed sign-ins."""

from datetime import timedelta

import pytest

from acting import context_of
from holdfast.services.access.accounts import make_principal
from holdfast.services.access.failed_sign_ins import UNKNOWN_USER
from holdfast.services.access.tokens import create_token
from holdfast.store import journal
from holdfast.store.access import accounts
from holdfast.store.audit import Action
from rest.calls import APIS, PREFIX
from rest.operations import House

REGISTER, TOKEN = "/client-registration/v0.17/register", "/oauth2/token"
SECRET = "typed into the wrong field"


@pytest.fixture
def events(shared_runtime, berta):
    """Store failed sign-ins, and return the audit events from the address of berta's organization."""

    def events(organization=berta.organization):
        shared_runtime.accounts.failures.write(shared_runtime.store, shared_runtime.now(), everything=True)
        with shared_runtime.store.read() as session:
            all_events = journal.list_audit_events(session, organization)
        return [event for event in all_events if event.address == berta.organization]

    return events


@pytest.fixture
def anybody(shared_runtime, connect, berta):
    """A client without credentials; the organization in which unknown users are recorded exists, as always."""
    with shared_runtime.store.write() as session:
        if "default" not in accounts.list_organizations(session):
            accounts.insert_organization(session, "default", shared_runtime.now())
    return connect(shared_runtime, client=(berta.organization, 50000))


def test_every_change_by_a_request_records_its_address(shared_runtime, client, berta):
    House(shared_runtime, client, berta)
    with shared_runtime.store.read() as session:
        all_events = journal.list_audit_events(session, berta.organization)
    actions = {event.action for event in all_events if event.address == berta.organization}
    assert len(actions) > 8, actions
    # No request creates the session of these tests, and exceptions expire automatically.
    assert {event.action for event in all_events if event.address is None} <= {"sign in", "verification is on again"}


def test_signing_in_and_out_on_pages_records_the_address(anybody, berta, password, events):
    assert anybody.post("/sign-in", data={"name": berta.name, "password": password}).status_code == 303
    assert anybody.post("/sign-out").status_code == 303
    assert [(event.user, event.action) for event in events()] == [(berta.name, "sign in"), (berta.name, "sign out")]


def by_basic(client, berta, _right):
    client.get(APIS, auth=(berta.name, SECRET))


def by_page(client, berta, _right):
    client.post("/sign-in", data={"name": berta.name, "password": SECRET})


def by_password_grant(client, berta, right):
    application = client.post(REGISTER, json={"clientName": "x"}, auth=(berta.name, right)).json()
    form = {"grant_type": "password", "username": berta.name, "password": SECRET}
    client.post(TOKEN, data=form, auth=(application["clientId"], application["clientSecret"]))


def by_application(client, berta, right):
    application = client.post(REGISTER, json={"clientName": "x"}, auth=(berta.name, right)).json()
    client.post(TOKEN, data={"grant_type": "client_credentials"}, auth=(application["clientId"], SECRET))


def by_refresh_token(client, berta, right):
    application = client.post(REGISTER, json={"clientName": "x"}, auth=(berta.name, right)).json()
    own = (application["clientId"], application["clientSecret"])
    form = {"grant_type": "password", "username": berta.name, "password": right}
    access = client.post(TOKEN, data=form, auth=own).json()["access_token"]
    client.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": access}, auth=own)


def by_change_of_password(client, berta, right):
    body = {"current": SECRET, "new": "a whole new sentence"}
    client.put(f"{PREFIX}/account/password", json=body, auth=(berta.name, right))


WAYS = {
    by_basic: "HTTP Basic: wrong name or password",
    by_page: "page: wrong name or password",
    by_password_grant: "password grant: wrong name or password",
    by_application: "application: unknown or wrong secret",
    by_refresh_token: "refresh token: unknown or expired",
    by_change_of_password: "change of password: wrong name or password",
}


@pytest.mark.parametrize(("attempt", "detail"), WAYS.items(), ids=lambda way: getattr(way, "__name__", ""))
def test_each_way_to_fail_is_in_the_audit_log_of_the_user(anybody, berta, password, events, attempt, detail):
    attempt(anybody, berta, password)
    (event,) = [event for event in events() if event.action == Action.FAIL_TO_SIGN_IN]
    assert (event.user, event.subject, event.detail) == ("", berta.name, detail)
    assert SECRET not in str(events())


def test_an_expired_token_is_recorded_with_its_user_and_an_unknown_one_without(shared_runtime, anybody, berta, events):
    before = shared_runtime.now() - timedelta(days=2)
    who = make_principal(berta)
    token = create_token(
        context_of(shared_runtime.store, who, before), "x", ["apim:api_view"], before + timedelta(days=1)
    )
    for secret in (token[1], "hfp_unknown"):
        assert anybody.get(APIS, headers={"authorization": f"Bearer {secret}"}).status_code == 401
    details = [(event.subject, event.detail) for event in events() if event.action == Action.FAIL_TO_SIGN_IN]
    details += [(event.subject, event.detail) for event in events("default") if event.action == Action.FAIL_TO_SIGN_IN]
    assert details == [(berta.name, "token: unknown or expired"), (UNKNOWN_USER, "token: unknown or expired")]
