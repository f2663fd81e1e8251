"""A request sees the same state of the database until it writes."""

from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import InvalidRequestError

from holdfast.store.access import accounts
from holdfast.store.request_store import RequestStore


@pytest.fixture
def add(store):
    """Return a function that inserts an organization, as another request would."""

    def add(name):
        with store.write() as session:
            accounts.insert_organization(session, name, datetime.now(UTC))

    return add


def list_organizations(request):
    with request.read() as session:
        return set(accounts.list_organizations(session))


def test_a_request_does_not_see_concurrent_writes(store, add):
    with RequestStore(store) as request:
        assert list_organizations(request) == set()
        add("other")
        assert list_organizations(request) == set()
    assert list_organizations(store) == {"other"}


def test_reads_after_a_write_see_it_and_earlier_writes_of_others(store, add):
    with RequestStore(store) as request:
        assert list_organizations(request) == set()
        add("other")
        with request.write() as session:
            accounts.insert_organization(session, "mine", datetime.now(UTC))
            assert list_organizations(request) == {"other", "mine"}, "it reads in the transaction that writes"
        assert list_organizations(request) == {"other", "mine"}


def test_a_failed_write_is_rolled_back(store):
    with RequestStore(store) as request:
        with suppress(KeyError), request.write() as session:
            accounts.insert_organization(session, "mine", datetime.now(UTC))
            raise KeyError
        assert list_organizations(request) == set()


def test_the_transaction_lasts_from_the_first_read_until_release_or_the_end_of_the_block(store, add):
    with RequestStore(store) as request:
        add("before")
        assert (store.connections, list_organizations(request)) == (0, {"before"})
        assert store.connections == 1
        request.release()
        assert store.connections == 0
        add("after")
        assert list_organizations(request) == {"before", "after"}
    assert store.connections == 0


def test_a_session_cannot_be_used_after_a_write(store):
    """Otherwise it would begin another transaction that nothing ends."""
    with RequestStore(store) as request:
        with request.read() as session:
            accounts.list_organizations(session)
        with request.write():
            pass
        with pytest.raises(InvalidRequestError):
            accounts.list_organizations(session)


def test_a_waiting_request_keeps_its_transaction_only_while_few_connections_are_in_use(store):
    with ExitStack() as stack:
        request = stack.enter_context(RequestStore(store))
        list_organizations(request)
        request.release_if_crowded()
        assert store.connections == 1
        while not store.is_crowded:  # no request waits for a connection
            accounts.list_organizations(stack.enter_context(store.read()))
        many = store.connections
        request.release_if_crowded()
        assert store.connections == many - 1
