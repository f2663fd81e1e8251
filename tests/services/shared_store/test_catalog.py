"""Create, find, change and delete APIs, and move them through the lifecycle."""

import pytest

from acting import context_of
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.errors import InvalidFields, TransitionRefused
from holdfast.services.catalog import apis, deletion, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.catalog.change_records import name_subject
from holdfast.services.errors import Conflict, NotFound
from holdfast.store import journal
from holdfast.store.audit import Action
from holdfast.store.catalog.apis import ApiFilter
from holdfast.store.journal import AuditEvent
from store.values import contents

PIZZA = ApiDraft("Pizza", "/pizza", "1.0.0", "https://pizza.test", "http://sandbox.test", "Thin")


@pytest.fixture
def pizza(store, anna, clock):
    return apis.create_api(context_of(store, anna, clock()), PIZZA)


def list_events(store, who):
    with store.read() as session:
        return [(event.user, event.action) for event in journal.list_audit_events(session, who.organization)]


def test_a_new_api_is_created_and_not_served(store, anna, clock, pizza):
    assert (pizza.name, pizza.context, pizza.version, pizza.description) == ("Pizza", "/pizza", "1.0.0", "Thin")
    assert (pizza.state, pizza.provider, pizza.organization) == (State.CREATED, "anna", anna.organization)
    assert (pizza.production.url, pizza.sandbox.url) == ("https://pizza.test", "http://sandbox.test")
    assert pizza.created_at == pizza.updated_at == clock()
    assert apis.get_api(context_of(store, anna), pizza.id) == pizza


def test_all_errors_are_reported_at_once_and_nothing_is_stored(store, anna, clock):
    before = contents(store, anna.organization)
    draft = ApiDraft("", "/t/x", "1/0", "ftp://x", "https://x y", "x" * 20_001)
    with pytest.raises(InvalidFields) as refusal:
        apis.create_api(context_of(store, anna, clock()), draft)
    fields = [error.field for error in refusal.value.errors]
    assert fields == ["name", "context", "version", "description", "production", "sandbox"]
    assert contents(store, anna.organization) == before


@pytest.mark.usefixtures("pizza")
@pytest.mark.parametrize(
    ("name", "context", "version", "field"),
    [
        ("Pizza", "/pizza", "1.0.0", "context"),
        ("PIZZA", "/pizza", "1.0.0", "context"),
        ("Pasta", "/pizza", "1.0.0", "context"),
        ("Pasta", "/pizza", "2.0.0", "context"),
        ("Pasta", "pizza/", "2.0.0", "context"),
        ("Pizza", "/pasta", "1.0.0", "name"),
        ("pizza", "/pasta", "2.0.0", "name"),
    ],
)
def test_a_taken_name_or_context_is_rejected(store, anna, clock, name, context, version, field):
    before = contents(store, anna.organization)
    with pytest.raises(Conflict, match="already") as refusal:
        apis.create_api(context_of(store, anna, clock()), ApiDraft(name, context, version))
    assert refusal.value.field == field
    assert contents(store, anna.organization) == before


@pytest.mark.parametrize("other", ["Äpfel", "ÄPFEL", "äpfel"])
def test_a_taken_name_is_rejected_regardless_of_case(store, anna, clock, other):
    apis.create_api(context_of(store, anna, clock()), ApiDraft("Äpfel", "/a", "1"))
    with pytest.raises(Conflict) as refusal:
        apis.create_api(context_of(store, anna, clock()), ApiDraft(other, "/b", "1"))
    assert refusal.value.field == "name"


def test_a_new_version_of_an_api_has_its_name_and_context(store, anna, clock, pizza):
    second = apis.create_api(context_of(store, anna, clock()), ApiDraft("Pizza", "/pizza", "2.0.0"))
    assert apis.list_apis(context_of(store, anna)) == ([pizza, second], 2)


def test_another_organization_can_have_the_same_api(store, anna, otto, clock, pizza):
    theirs = apis.create_api(context_of(store, otto, clock()), PIZZA)
    assert apis.list_apis(context_of(store, anna)) == ([pizza], 1)
    assert apis.list_apis(context_of(store, otto)) == ([theirs], 1)
    for use_case in (
        lambda: apis.get_api(context_of(store, otto), pizza.id),
        lambda: deletion.delete_api(context_of(store, otto, clock()), pizza.id),
        lambda: lifecycle.change_lifecycle(context_of(store, otto, clock()), pizza.id, "Publish"),
        lambda: apis.change_endpoints(context_of(store, otto, clock()), pizza.id, None, None),
    ):
        with pytest.raises(NotFound):
            use_case()
    assert apis.get_api(context_of(store, anna), pizza.id) == pizza


def test_endpoints_are_changed_and_removed(store, anna, clock, pizza):
    api = apis.change_endpoints(
        context_of(store, anna, clock.advance(hours=1)), pizza.id, "https://new.test", None
    ).full_api.api
    assert (api.production.url, api.sandbox, api.updated_at) == ("https://new.test", None, clock())
    assert (api.description, api.created_at) == ("Thin", pizza.created_at)
    assert apis.get_api(context_of(store, anna), pizza.id) == api


def test_a_description_changes_only_if_a_new_one_is_set(store, anna, clock, pizza):
    outcome = apis.change_api(
        context_of(store, anna, clock()), pizza.id, endpoints=("https://pizza.test", None)
    ).full_api
    assert outcome.api.description == "Thin"
    assert apis.change_api(context_of(store, anna, clock()), pizza.id, description="").full_api.api.description == ""


def test_an_invalid_endpoint_changes_nothing(store, anna, clock, pizza):
    before = contents(store, anna.organization)
    with pytest.raises(InvalidFields) as refusal:
        apis.change_endpoints(context_of(store, anna, clock()), pizza.id, "https://", "nowhere")
    assert [error.field for error in refusal.value.errors] == ["production", "sandbox"]
    assert contents(store, anna.organization) == before


def test_an_api_moves_through_its_lifecycle(store, anna, clock, pizza):
    for action, state in (
        ("Publish", State.PUBLISHED),
        ("Demote to Created", State.CREATED),
        ("Publish", State.PUBLISHED),
        ("Deprecate", State.DEPRECATED),
        ("Retire", State.RETIRED),
    ):
        assert lifecycle.change_lifecycle(context_of(store, anna, clock()), pizza.id, action).state is state
    before = contents(store, anna.organization)
    with pytest.raises(TransitionRefused):
        lifecycle.change_lifecycle(context_of(store, anna, clock()), pizza.id, "Publish")
    assert contents(store, anna.organization) == before


@pytest.mark.parametrize(
    ("detail", "details"),
    [("set to published", {}), ("new -> live", {"before": "new", "after": "live"}), ("-> PUBLISHED", {"after": 1})],
)
def test_the_history_leaves_out_events_that_do_not_name_two_states(store, anna, clock, pizza, detail, details):
    lifecycle.change_lifecycle(context_of(store, anna, clock()), pizza.id, "Publish")
    subject = name_subject(pizza)
    with store.write() as session:
        journal.record(
            session,
            AuditEvent(anna.organization, clock(), "anna", Action.CHANGE_LIFECYCLE, subject, detail, None, details),
        )
    lifecycle.change_lifecycle(context_of(store, anna, clock()), pizza.id, "Deprecate")
    steps = lifecycle.list_steps(context_of(store, anna, clock()), pizza.id)
    assert [step.after for step in steps] == [State.CREATED, State.PUBLISHED, State.DEPRECATED]


def test_a_deleted_api_is_not_found_and_its_name_is_free(store, anna, clock, pizza):
    deletion.delete_api(context_of(store, anna, clock()), pizza.id)
    with pytest.raises(NotFound):
        apis.get_api(context_of(store, anna), pizza.id)
    with pytest.raises(NotFound):
        deletion.delete_api(context_of(store, anna, clock()), pizza.id)
    apis.create_api(context_of(store, anna, clock()), PIZZA)


def test_every_change_has_its_event_and_its_change_row(store, anna, clock, pizza):
    apis.change_endpoints(context_of(store, anna, clock()), pizza.id, "https://new.test", None)
    lifecycle.change_lifecycle(context_of(store, anna, clock()), pizza.id, "Publish")
    deletion.delete_api(context_of(store, anna, clock()), pizza.id)
    actions = ["create API", "change API", "change lifecycle", "delete API"]
    assert list_events(store, anna) == [("anna", action) for action in actions]
    with store.read() as session:
        changes = journal.list_changes_after(session, 0)
    assert [change.kind for change in changes if change.key == pizza.id] == ["api"] * 4


def test_apis_are_searched_and_paged(store, anna, clock, pizza):
    pasta = apis.create_api(context_of(store, anna, clock()), ApiDraft("Pasta", "/pasta", "1"))
    assert apis.list_apis(context_of(store, anna), ApiFilter(name="p")) == ([pasta, pizza], 2)
    assert apis.list_apis(context_of(store, anna), ApiFilter(context="/pi")) == ([pizza], 1)
    assert apis.list_apis(context_of(store, anna), offset=1, limit=1) == ([pizza], 2)
