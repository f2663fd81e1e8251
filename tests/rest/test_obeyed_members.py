"""The page that says which members of WSO2's API body have an effect is right."""

from pathlib import Path

import pytest

from holdfast.apis.catalog.members import OWN
from holdfast.apis.catalog.obedience import GROUP_MEMBERS, MEMBERS, Obedience, list_unobeyed, write_table
from rest.calls import APIS, create_api
from rest.test_wso2_compatible import DESCRIPTIONS, V1

PAGE = Path(__file__).parents[2] / "docs/reference/members.md"
V4 = next(prefix for prefix in DESCRIPTIONS if prefix.endswith("v4"))
KEPT = [name for name, rule in MEMBERS.items() if rule.obedience is Obedience.KEPT]
# Values of the types that the description gives them, of members that aren't texts.
VALUES = {"boolean": True, "integer": 300, "array": ["one"], "object": {"some": "value"}}


def test_the_page_has_exactly_the_members_of_the_code():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    order = (Obedience.KEPT, Obedience.OBEYED, Obedience.IGNORED)
    expected = [row for obedience in order for row in write_table(obedience)]
    expected += [row for obedience in order[:2] for row in write_table(obedience, GROUP_MEMBERS)]
    assert rows == expected


@pytest.mark.parametrize("prefix", [V1, V4])
def test_each_member_of_the_description_is_in_the_table(prefix: str):
    properties = DESCRIPTIONS[prefix]["definitions"]["API"]["properties"]
    assert properties.keys() - MEMBERS.keys() == set()


def test_kept_members_are_returned_as_they_were_sent(client):
    properties = DESCRIPTIONS[V4]["definitions"]["API"]["properties"]
    texts = {"visibility": "RESTRICTED", "accessControl": "RESTRICTED", "subscriptionAvailability": "ALL_TENANTS"}
    special = {"scopes": [{"scope": {"name": "a"}}], "mediationPolicies": [{"name": "a"}], "deploymentEnvironments": []}
    special |= {"additionalProperties": [{"name": "a", "value": "b", "display": False}]}
    members = {name: VALUES.get(properties.get(name, {}).get("type", ""), texts.get(name, "text")) for name in KEPT}
    members = {name: special.get(name, value) for name, value in members.items()} | {
        "labels": ["one"],
        "enableStore": True,
    }
    for name in ("businessInformation", "advertiseInfo", "apiPolicies", "websubSubscriptionConfiguration"):
        members[name] = {"some": "value"}
    del members["additionalPropertiesMap"]  # another form of additionalProperties
    api = create_api(client, **members)
    assert {name: api[name] for name in members} == members
    asking = {name for name in KEPT if MEMBERS[name].neutral is not None}
    assert api["membersWithoutEffect"] == sorted(asking)


def test_ignored_members_keep_their_values(client):
    api = create_api(client)
    names = [name for name, rule in MEMBERS.items() if rule.obedience is Obedience.IGNORED]
    response = client.put(f"{APIS}/{api['id']}", json=dict.fromkeys(names, "sent") | {"createdTime": "sent"})
    assert response.status_code == 200, response.text
    assert "sent" not in [value for name, value in response.json().items() if name in names]
    assert set(names) - OWN <= {"lastUpdatedTimestamp"}


def test_only_members_that_ask_for_something_are_named(client):
    assert "membersWithoutEffect" not in create_api(client)
    for kind, names in (("INLINE", ["endpointImplementationType"]), ("ENDPOINT", []), ("MOCKED_OAS", [])):
        assert list_unobeyed({"endpointImplementationType": kind}) == names
    neutral = {"policies": ["Unlimited"], "visibility": "PUBLIC", "enableSchemaValidation": False, "tags": ["a"]}
    assert list_unobeyed(neutral | {"securityScheme": ["mutualssl", "mutualssl_mandatory"]}) == []
    assert list_unobeyed({"securityScheme": ["oauth2"], "enableSchemaValidation": True}) == [
        "enableSchemaValidation",
        "securityScheme",
    ]
