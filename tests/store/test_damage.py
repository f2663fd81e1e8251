"""Values that can't be read are found, with the name of their object and what to do."""

from datetime import UTC, datetime

import pytest

from holdfast.store.catalog import api_documents, apis
from holdfast.store.damage import find_damage
from holdfast.store.identities import caller_certificates
from holdfast.store.trust import endpoint_certificates
from issuing import issue
from store.values import make_api, make_caller, make_entry

AT = "2026-06-01 12:00:00.000000"
EVENT = '"organization_id", "user", action, subject, detail, number'
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def api(store, anna):
    """An API with a caller certificate and a description, and an endpoint certificate."""
    api = make_api("Pizza", organization=anna.organization, description="a \ufffd that a user typed")
    with store.write() as session:
        apis.insert(session, api)
        caller_certificates.insert(session, make_caller(api, "shop", issue("shop")))
        api_documents.save_members(session, api, {"tags": ["food"]})
        endpoint_certificates.insert(session, make_entry("pizza-backend", issue("pizza.test")))
    return api


def list_damage(store):
    with store.read() as session:
        return [(damage.subject, damage.values) for damage in find_damage(session)]


def test_an_object_with_json_of_another_kind_is_named(store, storage, api):
    assert list_damage(store) == []
    storage.execute("UPDATE api SET request_rules = '[1]'")
    storage.execute("UPDATE api_document SET members = '[1]'")
    storage.execute("UPDATE audit_event SET details = '[1]'")
    assert list_damage(store) == [
        (f"the API {api.name} {api.version}", ("request rules",)),
        (f"the description of the API {api.name} {api.version}", ("description",)),
    ]


@pytest.mark.sqlite("PostgreSQL checks its pages, and the types of texts, times and JSON")
def test_an_object_with_a_damaged_byte_is_named(store, storage, api):
    storage.execute("UPDATE api SET description = CAST(x'ff41' AS TEXT), created_at = '2026-02-30 12:00:00.000000'")
    storage.execute("UPDATE api SET last_revision = 'x'")
    storage.execute("UPDATE caller_certificate SET der = zeroblob(length(der))")
    storage.execute("UPDATE certificate SET not_after = '2026-13-01 12:00:00.000000'")
    storage.execute("INSERT INTO change (organization_id, at, kind, key) VALUES ('default', 'never', 'api', 'x')")
    for values in ("'a�', '', 1", "CAST(x'ff41' AS TEXT), '', 1", "'a', CAST(x'80' AS TEXT), 'x'"):
        storage.execute(f"INSERT INTO audit_event ({EVENT}, at) VALUES ('default', '', '', {values}, '{AT}')")  # noqa: S608
    storage.execute("INSERT INTO audit_chain VALUES ('default', 1, 'text', 'x', 0, x'00', NULL)")
    assert list_damage(store) == [
        (f"the API {api.name} {api.version}", ("description", "created at", "last revision")),
        ("the certificate pizza-backend", ("not after",)),
        (f"the caller certificate shop of the API {api.name} {api.version}", ("caller certificate",)),
        ("2 of the audit events", ("subject", "detail", "number")),
        ("the hash chain of audit events", ("hash", "event id")),
        ("1 of the changes for gateways", ("at",)),
    ]
