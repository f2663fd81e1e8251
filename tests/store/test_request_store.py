"""A request sees one state of the database until it writes."""

from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import InvalidRequestError

from holdfast.store.access import accounts
from holdfast.store.request_store import RequestStore
from holdfast.store.sqlite import KEPT


@pytest.fixture
def add(store):
    """Add an organization, as another request."""

    def add(name):
        with store.write() as session:
            accounts.insert_organization(session, name, datetime.now(UTC))

    return add


def seen(request):
    with request.read() as session:
        return set(accounts.organizations(session))


def test_what_others_write_meanwhile_is_not_seen(store, add):
    with RequestStore(store) as request:
        assert seen(request) == set()
        add("other")
        assert seen(request) == set()
    assert seen(store) == {"other"}


def test_what_is_read_after_a_write_sees_it_and_what_others_wrote_before(store, add):
    with RequestStore(store) as request:
        assert seen(request) == set()
        add("other")
        with request.write() as session:
            accounts.insert_organization(session, "mine", datetime.now(UTC))
            assert seen(request) == {"other", "mine"}, "it reads in the transaction that writes"
        assert seen(request) == {"other", "mine"}


def test_a_write_that_fails_leaves_nothing_to_be_seen(store):
    with RequestStore(store) as request:
        with suppress(KeyError), request.write() as session:
            accounts.insert_organization(session, "mine", datetime.now(UTC))
            raise KeyError
        assert seen(request) == set()


def test_the_transaction_begins_with_the_first_read_and_ends_with_the_block_or_before(store, add):
    with RequestStore(store) as request:
        add("before")
        assert (store.connections, seen(request)) == (0, {"before"})
        assert store.connections == 1
        request.release()
        assert store.connections == 0
        add("after")
        assert seen(request) == {"before", "after"}
    assert store.connections == 0


def test_a_session_that_was_kept_is_of_no_use_after_a_write(store):
    """Else it would begin another transaction, and nobody would end that."""
    with RequestStore(store) as request:
        with request.read() as kept:
            accounts.organizations(kept)
        with request.write():
            pass
        with pytest.raises(InvalidRequestError):
            accounts.organizations(kept)


def test_a_request_that_waits_keeps_its_transaction_only_while_few_others_have_one(store):
    with ExitStack() as stack:
        request = stack.enter_context(RequestStore(store))
        seen(request)
        request.release_if_crowded()
        assert store.connections == 1
        for _ in range(KEPT):  # nobody waits for a connection, however many are in use
            accounts.organizations(stack.enter_context(store.read()))
        request.release_if_crowded()
        assert store.connections == KEPT
