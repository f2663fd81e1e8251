"""States that earlier versions don't know are stored so that these versions can still read the row."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from holdfast.apis.catalog.lifecycle import State
from holdfast.store.catalog import apis
from holdfast.store.catalog.apis import ApiFilter
from store.values import NOW, make_api

pytestmark = pytest.mark.usefixtures("anna")


@pytest.mark.parametrize("state", State)
def test_every_state_is_read_as_it_was_written(store, state):
    with store.write() as session:
        apis.insert(session, make_api(state=state))
    with store.read() as session:
        (api,), total = apis.find(session, "default", ApiFilter(status=state.value, exact=frozenset({"status"})))
        value = session.scalar(text("SELECT state FROM api"))
    assert (api.state, total) == (state, 1)
    assert value in {"CREATED", "PUBLISHED", "DEPRECATED", "RETIRED"}


def test_a_change_by_an_earlier_version_counts(store):
    with store.write() as session:
        apis.insert(session, make_api(state=State.BLOCKED))
        later = {"state": "PUBLISHED", "at": (NOW + timedelta(seconds=1)).replace(tzinfo=None).isoformat(" ")}
        session.execute(text("UPDATE api SET state = :state, updated_at = :at"), later)
    with store.read() as session:
        (api,) = apis.list_of_organization(session, "default")
        assert apis.find(session, "default", ApiFilter(status="blocked"))[1] == 0
    assert api.state is State.PUBLISHED
