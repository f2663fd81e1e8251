"""No operation of REST shows, confirms or changes objects of another organization."""

import re
import uuid

import pytest

from holdfast.services.access.permissions import Role
from rest.operations import MARKER, REQUESTS, House, operations_of
from store.values import contents

pytestmark = pytest.mark.long

VARIES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[0-9a-f]{12,}|hf._[\w-]+|\d{4}-\d\d-\d\d[T ][\d:.+]+|[\w-]{20,}"
)
PERIOD = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:[03]0:00\+00:00"')  # half-hours
WORDS = ("level", "key_type")  # of WSO2's in paths: every organization has the same
READS = [operation for operation in REQUESTS if operation.startswith("GET") and "/users/" not in operation]


@pytest.fixture(scope="module")
def settle(enlist, sign_in):
    """Create an organization, and a client of its admin."""

    def settle():
        organization = str(uuid.uuid4())
        admin, clara = (enlist(organization, f"{name}@{organization}", Role.ADMIN) for name in ("admin", "clara"))
        return sign_in(admin), clara

    return settle


@pytest.fixture(scope="module")
def victim(shared_runtime, settle):
    return House(shared_runtime, *settle())


def list_stored(house):
    """Return everything in the database that belongs to an organization."""
    apis, certificates, events, _, removed_rows = contents(house.runtime.store, house.account["organization"])
    return apis, certificates, events, removed_rows


def answers_to_owner(house):
    """Return everything that an organization's own admin can read; of traffic, not when each period began."""
    answers = {operation: house.ask(house.owner, operation).text for operation in READS}
    return {
        operation: PERIOD.sub("", text) if operation.endswith("/traffic") else text
        for operation, text in answers.items()
    }


def mask(response, ids):
    """Return the status and text of a response, without IDs of the request and values that always differ."""
    text = response.text
    for identifier in sorted({*ids.values()} - {ids[name] for name in WORDS}, key=len, reverse=True):
        text = text.replace(identifier, "ID")
    return response.status_code, VARIES.sub("*", text)


def test_every_operation_is_covered(client):
    assert operations_of(client) == set(REQUESTS)


@pytest.mark.parametrize("operation", REQUESTS)
def test_objects_of_another_organization_are_not_found(victim, settle, operation):
    before = list_stored(victim)
    assert MARKER in str(before)
    nothing = {name: str(uuid.uuid4()) for name in victim.ids} | {"session_id": uuid.uuid4().hex[:16]}
    nothing["environment"] = victim.ids["environment"]
    nothing["group"] = victim.ids["group"]  # every organization can deploy to every group
    nothing |= {name: victim.ids[name] for name in WORDS}
    answers = []
    for ids in (victim.ids, nothing):
        intruder, _ = settle()  # each is new, so that both get the same response
        response = victim.ask(intruder, operation, ids)
        if operation != "POST /apis/import":  # the request contains the marker
            assert MARKER not in response.text
        answers.append(mask(response, ids))
    assert answers[0] == answers[1]
    assert list_stored(victim) == before


def test_the_owner_reads_the_same_after_every_operation_of_another_organization(victim, settle):
    before = answers_to_owner(victim)
    assert MARKER in str(before)
    for operation in REQUESTS:
        intruder, _ = settle()
        victim.ask(intruder, operation)
    assert answers_to_owner(victim) == before
