"""An API to import certificates for, and a client of a separate control plane."""

from functools import partial

import pytest

from holdfast.server.middleware import concurrency_limit
from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.access.permissions import Role
from holdfast.store.access import accounts
from holdfast.store.access.accounts import User
from rest.calls import SANDBOX, create_api
from store.values import NOW


@pytest.fixture
def api(client):
    """The API Pizza of berta, with a secure production endpoint and a plain sandbox."""
    return create_api(client, sandbox=SANDBOX)


@pytest.fixture
def own_client(runtime, connect):
    """A client of *runtime*, which no other test uses, signed in as its only user."""
    user = User("anna", "default", "anna", "no password", frozenset({Role.ADMIN}))
    with runtime.store.write() as session:
        accounts.insert_organization(session, "default", NOW)
        accounts.insert_user(session, user, NOW)
    client = connect(runtime, raise_server_exceptions=False)
    client.cookies.set(SESSION_COOKIE, runtime.accounts.start_session(user, runtime.now()))
    return client


@pytest.fixture
def patient_requests(monkeypatch):
    """Let the requests of a user wait for each other, however slow the machine is. Takes effect for new clients."""
    monkeypatch.setattr(concurrency_limit, "Lines", partial(concurrency_limit.Lines, patience=120.0))
