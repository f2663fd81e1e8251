"""Damage to the database affects only the object that it is in, which is named with what to do."""

import uuid

import pytest

from holdfast.services.access.permissions import Role
from holdfast.services.publishing.snapshot import read_everything
from holdfast.services.trust.trust_settings import end_exceptions
from holdfast.store.catalog import apis
from issuing import issue
from rest.calls import APIS, ENDPOINTS, PREFIX, REMOVED, URL, assert_problem
from rest.operations import ORIGIN, REQUESTS, House
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
}


@pytest.fixture
def house(shared_runtime, enlist, sign_in, save):
    """An organization with an object of every kind."""
    restore = save()
    organization = str(uuid.uuid4())
    owner, clara = (enlist(organization, f"{name} of {organization}", Role.ADMIN) for name in ("owner", "clara"))
    yield House(shared_runtime, sign_in(owner), clara)
    restore()


@pytest.mark.long
def test_no_page_or_operation_fails_and_everything_can_be_replaced_or_deleted(house, shared_storage):
    owner, ids, now = house.owner, house.ids, house.runtime.now()
    names = {"organization": house.account["organization"], "api_id": ids["api_id"]}
    api, caller = f"/apis/{ids['api_id']}", f"{APIS}/{ids['api_id']}/client-certificates/{ids['alias']}"
    listed = owner.get(f"{APIS}/{ids['api_id']}/client-certificates").json()["certificates"]
    pages, _ = crawl(owner, "/apis", f"{api}/endpoints?certificates", f"{api}/callers")
    for table, (columns, rows) in DAMAGE.items():
        shared_storage.execute(f"UPDATE {table} SET {columns.format()} WHERE {rows.format(**names)}")  # noqa: S608 - constants

    failed = {path for path in pages if owner.get(path).status_code >= 500}
    operations = [operation for operation in REQUESTS if operation.startswith("GET")]
    failed |= {operation for operation in operations if house.ask(owner, operation).status_code >= 500}
    assert failed == set()

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
    assert owner.delete(f"{PREFIX}/notification-channels/ops").status_code == 204
    assert owner.delete(f"{APIS}/{ids['api_id']}").status_code == 200
