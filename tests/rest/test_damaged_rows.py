"""Damage to the database affects only the object that it is in, which is named with what to do."""

import uuid
from datetime import timedelta

import pytest

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.errors import UnreadableData
from holdfast.apis.notifications.event import Condition, Course, EventKind, EventSeverity, Wording
from holdfast.apis.traffic.measures import Measures
from holdfast.apis.traffic.periods import start_of
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Role
from holdfast.services.access.principal import Principal
from holdfast.services.gateways import groups
from holdfast.services.notifications.evaluation import ConditionSources, Evaluation
from holdfast.services.publishing.group_listeners import GroupListeners
from holdfast.services.publishing.snapshot import read_everything
from holdfast.services.trust.trust_settings import end_exceptions
from holdfast.store import inspection
from holdfast.store.catalog import apis
from holdfast.store.damage import find_damage
from holdfast.store.notifications import conditions
from holdfast.store.traffic.parts import Subject, add_measures
from holdfast.store.traffic.reading import Selection, find_traffic
from issuing import issue
from rest.calls import APIS, ENDPOINTS, PREFIX, REMOVED, URL, assert_problem
from rest.operations import MARKER, ORIGIN, REQUESTS, House
from web.crawling import crawl

pytestmark = pytest.mark.sqlite("PostgreSQL checks its pages, and the types of times and JSON")
NEW = issue("pizza.test")
OF_API = "organization_id = '{organization}' AND id = '{api_id}'"
DAMAGE = {  # by table: columns and what they contain, and which rows
    "caller_certificate": ("der = zeroblob(length(der))", "organization_id = '{organization}'"),
    "removed_certificate": ("certificates = x'00'", "organization_id = '{organization}'"),
    "trust_settings": ("names = 'no JSON', exception_ends_at = 'never'", "organization_id = '{organization}'"),
    "presented_chain": ("certificates = x'00', changes = '['", "organization_id = '{organization}'"),
    "notification_channel": ("events = '[', audience = 'x'", "organization_id = '{organization}'"),
    "api": ("request_rules = '{{', production_security = '[1]', created_at = 'never'", OF_API),
    "api_document": ("members = '[', definition = '{{'", "organization_id = '{organization}'"),
    "api_revision": ("settings = '[1]'", "organization_id = '{organization}' AND number = 2"),
    "document": ("visibility = 'x', updated_at = 'never'", "organization_id = '{organization}'"),
    "endpoint_certificate": ("created_at = 'never', expires_at = 'never'", "organization_id = '{organization}'"),
    "user_account": ("roles = '[', password_hash = CAST(x'ff' AS TEXT)", "name = '{name}'"),
    "session": ("expires_at = 'never'", "user_id = (SELECT id FROM user_account WHERE name = '{name}')"),
    "token": ("expires_at = 'never', scopes = '['", "organization_id = '{organization}'"),
    "silence": ("ends_at = 'never'", "organization_id = '{organization}'"),
    "owner": ("owners = '['", "organization_id = '{organization}'"),
    "audit_event": (
        "details = '[', at = 'never', number = 'x', hash = 'x', previous_hash = 'x', detail = CAST(x'ff' AS TEXT)",
        "organization_id = '{organization}' AND action IN ('create silence', 'create API')",
    ),
    "audit_chain": ("number = 'x', event_id = 'x', anchor_hash = 'x'", "organization_id = '{organization}'"),
    "traffic": ("measures = '['", "organization_id = '{organization}'"),
    "notification_condition": ("body = '['", "organization_id = '{organization}'"),
    "gateway_group": ("urls = '[', listen = '[1]'", "name = '{group}'"),
    "gateway": ("labels = '[1]', created_at = 'never'", "name = '{gateway}'"),
}
SUBJECTS = {  # what `holdfast doctor` calls the objects of the organization
    "the API Pizza 1.0.0",
    "the description of the API Pizza 1.0.0",
    "revision 2 of the API Pizza 1.0.0",
    f"the document {MARKER[:60]} of the API Pizza 1.0.0",
    "the certificate pizza-backend",
    f"the trust settings of {ORIGIN}",
    "the removed certificate gone",
    "the caller certificate pizza-backend of the API Pizza 1.0.0",
    "the notification channel ops",
    f"the silence because of {MARKER}",
    "the condition gateway:eu-1",
    "the session of the user {name}",
    "the owners of the API Pizza 1.0.0",
}


TIMES, MEASURES = timedelta(minutes=1), Measures({200: 1}, (1,), 1, 1, {"": 1})


def store_traffic(store, organization, api_id, at):
    """Count a request of an API."""
    with store.write() as session:
        add_measures(session, "local", at, {Subject(organization, api_id, "production"): MEASURES}, [60])


def find_requests(store, organization, api_id, at):
    """Return the number of requests of an API in each minute."""
    selection = Selection(organization, api_id, 60, start_of(at, 60), at + TIMES)
    with store.read() as session:
        return [traffic.measures.requests for traffic in find_traffic(session, selection)]


def store_condition(store, organization, now):
    """Store that a gateway was lost."""
    wording = Wording("lost", "lost", "", "/gateways")
    condition = Condition("gateway:eu-1", EventKind.GATEWAY_CONNECTION, "lost", EventSeverity.ERROR, wording)
    with store.write() as session:
        conditions.replace(session, organization, [], [Course(condition, now, now)])


def list_condition_keys(store, organization):
    """Return the keys of the stored conditions."""
    with store.read() as session:
        return list(conditions.list_courses(session, organization, EventKind))


@pytest.fixture
def house(shared_runtime, enlist, sign_in, save):
    """An organization with an object of every kind."""
    restore = save()
    organization = str(uuid.uuid4())
    owner, clara = (enlist(organization, f"{name} of {organization}", Role.ADMIN) for name in ("owner", "clara"))
    yield House(shared_runtime, sign_in(owner), clara)
    restore()


@pytest.mark.long
def test_no_page_or_operation_fails_and_everything_can_be_replaced_or_deleted(house, shared_storage, sign_in):
    owner, ids, now, store = house.owner, house.ids, house.runtime.now(), house.runtime.store
    names = {"organization": house.account["organization"], **ids}
    clara = sign_in(house.user)
    token = owner.post(
        f"{PREFIX}/tokens", json={"name": "t", "scopes": ["apim:api_view"], "expiresTime": house.later(days=1)}
    ).json()["token"]
    store_traffic(store, names["organization"], ids["api_id"], now)
    store_condition(store, names["organization"], now)
    api, caller = f"/apis/{ids['api_id']}", f"{APIS}/{ids['api_id']}/client-certificates/{ids['alias']}"
    listed = owner.get(f"{APIS}/{ids['api_id']}/client-certificates").json()["certificates"]
    pages, _ = crawl(owner, "/apis", f"{api}/endpoints?certificates", f"{api}/callers")
    for table, (columns, rows) in DAMAGE.items():
        shared_storage.execute(f"UPDATE {table} SET {columns.format()} WHERE {rows.format(**names)}")  # noqa: S608 - constants

    failed = {path for path in pages if owner.get(path).status_code >= 500}
    operations = [operation for operation in REQUESTS if operation.startswith("GET")]
    failed |= {operation for operation in operations if house.ask(owner, operation).status_code >= 500}
    assert failed == set()

    # What can't be read grants nothing, and silences nothing.
    assert clara.get("/apis").headers["location"].startswith("/sign-in")
    authorization = {"Authorization": f"Bearer {token}"}
    assert clara.get(APIS, headers=authorization).status_code == 401
    assert owner.get(f"{PREFIX}/silences").json()["list"] == []
    assert owner.get(f"{PREFIX}/users/{house.user.name}").json()["roles"] == []
    assert owner.get(f"{PREFIX}/audit-events").json()["list"][0]["details"] == {
        "error": "The stored details can't be read."
    }

    # Damaged events come first, and older ones follow.
    assert "Unreadable: time, details, number, previous hash, hash." in owner.get("/audit").text
    events, times = {"pagination": {"next": f"{PREFIX}/audit-events?limit=1"}}, []
    for _ in range(3):
        events = owner.get(events["pagination"]["next"]).json()
        times += [event["time"][:4] for event in events["list"]]
    assert times == ["1970", "1970", f"{now.year}"]
    assert owner.get(f"{PREFIX}/audit-events/chain").json()["anchor"] is None

    with inspection.open_to_inspect(shared_storage.location) as session:
        damages = list(find_damage(session))
    subjects = {damage.subject for damage in damages if damage.organization == names["organization"]}
    assert subjects >= {subject.format(**names) for subject in SUBJECTS}
    assert {f"the gateway group {ids['group']}", f"the gateway {ids['gateway']}"} <= {
        damage.subject for damage in damages
    }

    # Traffic is counted, and conditions are evaluated.
    assert find_requests(store, names["organization"], ids["api_id"], now) == []
    store_traffic(store, names["organization"], ids["api_id"], now)
    assert find_requests(store, names["organization"], ids["api_id"], now) == [1]
    sources = ConditionSources(house.runtime.failures, house.runtime.gateway_sources)
    Evaluation(sources).run(store, now, everything=True)
    assert "gateway:eu-1" not in list_condition_keys(store, names["organization"])

    # Gateways of a group whose addresses can't be read don't listen elsewhere.
    operator = Context(store, Principal(DEFAULT_ORGANIZATION, "operator"), now)
    group = groups.get_use(operator, ids["group"]).group
    assert GroupListeners({"production": [("127.0.0.1", 8280)]}).build(group) == []
    with pytest.raises(UnreadableData, match="Save new ones"):
        groups.change_group(operator, group.name, groups.GroupChange(display_name="Europe"))
    groups.change_group(operator, group.name, groups.GroupChange(listen={"production": ["127.0.0.1:8280"]}))
    assert groups.get_use(operator, ids["group"]).group.listen == {"production": (("127.0.0.1", 8280),)}

    # A damaged end neither stops the task that ends exceptions nor makes it hurry.
    due = end_exceptions(house.runtime.store, now)
    assert due is None or due > now

    # Gateways refuse what can't be verified, and accept callers by their fingerprints.
    snapshot = read_everything(house.runtime.store, house.runtime.sealing, now)
    key = names["organization"], names["api_id"]
    problems = {str(origin): why for origin, why in snapshot.problems[key[0]].items()}
    assert problems == {ORIGIN: f"The trust settings stored for {ORIGIN} can't be read. Save new ones, including CRLs."}
    with house.runtime.store.read() as session:
        assert apis.get(session, *key).rules.operations == ()
    assert {accepted.fingerprint for accepted in snapshot.callers[key]} == {listed[0]["fingerprint"]}
    assert snapshot.credentials[key]["production"][0].value is None

    assert "be read: endpoint security and request rules" in owner.get(f"{api}/callers").text
    assert "The stored description of" in owner.get(api).text
    assert "Gateways still accept the certificate with this fingerprint" in owner.get(f"{api}/callers").text
    after = owner.get(f"{APIS}/{ids['api_id']}/client-certificates").json()["certificates"]
    assert after == [listed[0] | {"expiryStatus": "Unreadable"}]
    assert_problem(owner.get(caller), 409, says="Replace it, or delete it.")
    assert owner.put(caller, files={"certificate": ("new.crt", NEW.pem)}).status_code == 200
    assert owner.get(caller).json()["subject"] == "CN=pizza.test"
    assert owner.delete(caller).status_code == 200

    (removed_certificate,) = owner.get(REMOVED).json()["list"]
    assert removed_certificate["certificates"] == []
    path = f"{REMOVED}/{removed_certificate['id']}/restore"
    assert_problem(owner.post(path), 409, says="import the certificate again")

    where, exception = {"endpoint": URL}, {"reason": "the certificate is renewed", "until": house.later(hours=2)}
    settings = f"{ENDPOINTS}/trust-settings"
    for response in (
        owner.get(settings, params=where),
        owner.put(f"{ENDPOINTS}/trust-exception", params=where, json=exception),
    ):
        assert_problem(response, 409, says="Save new ones, including CRLs.")
    assert owner.put(settings, params=where, json={"names": ["pizza.test"]}).status_code == 200
    assert read_everything(house.runtime.store, house.runtime.sealing, now).problems[key[0]] == {}

    security = {"production": {"enabled": True, "type": "BASIC", "username": "a", "password": "b"}}
    config = {"endpoint_type": "http", "production_endpoints": {"url": URL}, "endpoint_security": security}
    rules = {"onlyListedOperations": True, "operations": [{"target": "/menu", "verb": "GET"}]}
    response = owner.put(f"{APIS}/{ids['api_id']}", json={"endpointConfig": config} | rules)
    assert response.status_code == 200, response.text
    assert "be read: endpoint security" not in owner.get(f"{api}/callers").text
    assert "data-unreadable" not in owner.get(api).text
    assert owner.delete(f"{PREFIX}/notification-channels/ops").status_code == 204
    assert owner.delete(f"{APIS}/{ids['api_id']}").status_code == 200
