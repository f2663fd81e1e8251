"""Revisions of an API, and their deployments, as WSO2's clients use them."""

import re
import uuid
from base64 import urlsafe_b64encode

import pytest

from holdfast.services.access.permissions import Role
from issuing import issue
from rest.calls import APIS, PREFIX, SANDBOX, URL, assert_problem, create_api, upload

OTHER = "https://other.test:8443"
DEFAULT = [{"name": "Default", "vhost": "localhost", "displayOnDevportal": True}]


@pytest.fixture(scope="module")
def group(enlist, sign_in):
    """The name of a group besides the default one."""
    operator, name = sign_in(enlist("default", str(uuid.uuid4()), Role.ADMIN)), f"eu {uuid.uuid4().hex[:8]}"
    assert operator.post(f"{PREFIX}/gateways/groups", json={"name": name}).status_code == 201
    return name


def path_of(api, rest=""):
    return f"{APIS}/{api['id']}{rest}"


def create(client, api, description=""):
    response = client.post(path_of(api, "/revisions"), json={"description": description})
    assert response.status_code == 201, response.text
    return response.json()


def deploy(client, api, revision, where=DEFAULT):
    return client.post(path_of(api, "/deploy-revision"), params={"revisionId": revision["id"]}, json=where)


def undeploy(client, api, where=None, **params):
    return client.post(path_of(api, "/undeploy-revision"), params=params, json=where)


def point(client, api, url):
    body = {"endpointConfig": {"endpoint_type": "http", "production_endpoints": {"url": url}}}
    response = client.put(path_of(api), json=body)
    assert response.status_code == 200, response.text
    return response.json()


def url_of(api):
    return api["endpointConfig"]["production_endpoints"]["url"]


def test_a_revision_is_created_listed_deployed_and_undeployed(client, api, group):
    first = create(client, api, "first one")
    assert (
        first
        | {
            "displayName": "Revision 1",
            "description": "first one",
            "apiInfo": {"id": api["id"]},
            "deploymentInfo": [],
        }
        == first
    )
    revisions = client.get(path_of(api, "/revisions")).json()
    assert revisions == {"count": 1, "list": [first]}
    assert client.get(path_of(api, "/revisions"), params={"query": "deployed:true"}).json()["count"] == 0

    response = deploy(client, api, first, [*DEFAULT, {"name": group}])
    assert response.status_code == 201, response.text
    assert [(deployment["name"], deployment["revisionUuid"]) for deployment in response.json()] == [
        ("Default", first["id"]),
        (group, first["id"]),
    ]
    assert {(deployment["status"], deployment["displayOnDevportal"]) for deployment in response.json()} == {
        ("APPROVED", True)
    }
    assert client.get(path_of(api, "/deployments")).json() == {"list": response.json()}
    one = client.get(path_of(api, f"/revisions/{first['id']}")).json()
    assert one == first | {"deploymentInfo": response.json()}
    assert client.get(path_of(api, "/revisions"), params={"query": "deployed:true"}).json()["list"] == [one]
    assert client.get(path_of(api, "/revisions"), params={"query": "deployed:false"}).json()["count"] == 0

    second = create(client, api)
    assert deploy(client, api, second).status_code == 201
    answer = undeploy(client, api, [{"name": group}], revisionId=first["id"])
    assert answer.status_code == 201, answer.text
    assert [(deployment["name"], deployment["revisionUuid"]) for deployment in answer.json()] == [
        ("Default", second["id"])
    ]
    # As apictl sends it.
    last_answer = undeploy(client, api, revisionNumber="2", allEnvironments="true")
    assert (last_answer.status_code, last_answer.json()) == (201, [])
    assert client.get(path_of(api)).json()["gatewayEnvironments"] == []
    assert undeploy(client, api, revisionNumber="2", allEnvironments="true").json() == []


def test_a_revision_does_not_change_with_the_api(client, api):
    first = create(client, api)
    point(client, api, OTHER)
    client.put(path_of(api), json={"description": "new", "tags": ["new"]}).raise_for_status()
    revision = client.get(path_of({"id": first["id"]})).json()
    assert (url_of(revision), revision["description"], revision["tags"]) == (URL, "", [])
    assert (revision["id"], revision["revisionedApiId"]) == (first["id"], api["id"])
    assert (revision["isRevision"], revision["revisionId"]) == (True, 1)
    assert client.put(path_of({"id": first["id"]}), json={"description": "other"}).status_code == 404
    assert client.delete(path_of({"id": first["id"]})).status_code == 404
    current = client.get(path_of(api)).json()
    assert (current["isRevision"], current["revisionId"], url_of(current)) == (False, 0, OTHER)

    response = client.post(path_of(api, "/restore-revision"), params={"revisionId": first["id"]})
    assert response.status_code == 201, response.text
    assert (response.json()["id"], url_of(response.json()), response.json()["tags"]) == (api["id"], URL, [])
    assert response.json()["isRevision"] is False


def test_the_definition_and_connection_settings_belong_to_a_revision(client, api):
    def define(title):
        text = f'{{"openapi": "3.0.0", "info": {{"title": "{title}", "version": "1"}}, "paths": {{}}}}'
        client.put(path_of(api, "/swagger"), files={"apiDefinition": (None, text)}).raise_for_status()

    define("before")
    config = {"production_endpoints": {"url": URL, "config": {"protocol": "http1"}}}
    client.put(path_of(api), json={"endpointConfig": config}).raise_for_status()
    first = create(client, api)
    define("after")
    client.put(path_of(api), json={"endpointConfig": {"production_endpoints": {"url": OTHER, "config": {}}}})
    client.post(path_of(api, "/restore-revision"), params={"revisionId": first["id"]}).raise_for_status()
    assert client.get(path_of(api, "/swagger")).json()["info"]["title"] == "before"
    assert client.get(path_of(api)).json()["endpointConfig"]["production_endpoints"]["config"]["protocol"] == "http1"


def test_the_endpoints_page_shows_certificates_that_only_a_deployed_revision_uses(client, api):
    old = issue("pizza.test")
    upload(client, old.pem, "old", url_of(api))
    revision = create(client, api)
    deploy(client, api, revision)
    point(client, api, "https://new.test")
    page, details = f"/apis/{api['id']}/endpoints", f"/apis/{api['id']}/certificates/old"
    assert re.search('id="alias-1">old</span>.*?/deployments" [^>]*>Revision 1</a>', client.get(page).text, re.DOTALL)
    assert client.get(details).status_code == 200
    undeploy(client, api, DEFAULT, revisionId=revision["id"])
    assert "old</span>" not in client.get(page).text
    assert client.get(details).status_code == 404


def test_the_state_and_the_environments_are_not_restored(client, api, group):
    first = create(client, api)
    client.put(path_of(api), json={"gatewayEnvironments": [group]}).raise_for_status()
    client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": "Publish"}).raise_for_status()
    response = client.post(path_of(api, "/restore-revision"), params={"revisionId": first["id"]}).json()
    assert (response["lifeCycleStatus"], response["gatewayEnvironments"]) == ("PUBLISHED", [group])


def test_an_api_says_where_its_working_copy_is_served(client, api, group):
    assert api["workingCopyEnvironments"] == ["Default"]
    client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": "Publish"}).raise_for_status()
    # The API is served, so deploying a revision elsewhere doesn't stop it at the default group.
    deploy(client, api, create(client, api), [{"name": group}]).raise_for_status()
    now = client.get(path_of(api)).json()
    assert (now["gatewayEnvironments"], now["workingCopyEnvironments"]) == (["Default", group], ["Default"])
    deploy(client, api, create(client, api)).raise_for_status()
    body = point(client, api, OTHER)
    assert (body["gatewayEnvironments"], body["workingCopyEnvironments"]) == (["Default", group], [])


def test_the_first_deployment_of_an_api_that_is_not_served_is_its_only_one(client, api, group):
    """As in WSO2: otherwise, an API for some gateways would also be served by the default ones."""
    deploy(client, api, create(client, api), [{"name": group}]).raise_for_status()
    now = client.get(path_of(api)).json()
    assert (now["gatewayEnvironments"], now["workingCopyEnvironments"]) == ([group], [])


def test_sending_an_api_back_keeps_its_deployments(client, api):
    first = create(client, api)
    deploy(client, api, first).raise_for_status()
    before = client.get(path_of(api)).json()
    client.put(path_of(api), json=before).raise_for_status()
    assert client.get(path_of(api, "/deployments")).json()["list"][0]["revisionUuid"] == first["id"]
    undeploy(client, api, revisionId=first["id"], allEnvironments="true").raise_for_status()
    client.put(path_of(api), json=client.get(path_of(api)).json()).raise_for_status()
    assert client.get(path_of(api)).json()["gatewayEnvironments"] == []
    # A list of environments deploys the working copy to those that it adds.
    client.put(path_of(api), json={"gatewayEnvironments": ["Default"]}).raise_for_status()
    assert client.get(path_of(api)).json()["workingCopyEnvironments"] == ["Default"]


def test_an_api_has_at_most_five_revisions_and_numbers_are_never_used_again(client, api):
    revisions = [create(client, api) for _ in range(5)]
    problem = client.post(path_of(api, "/revisions"), json={"description": "one too many"})
    assert_problem(problem, 400, says="Maximum number of revisions per API has reached")
    deploy(client, api, revisions[0]).raise_for_status()
    response = client.delete(path_of(api, f"/revisions/{revisions[0]['id']}"))
    assert_problem(response, 409, "revisionId", says="Revision 1 is deployed to Default")
    answer = client.delete(path_of(api, f"/revisions/{revisions[4]['id']}"))
    assert (answer.status_code, answer.json()["count"]) == (200, 4)
    assert create(client, api)["displayName"] == "Revision 6"


def test_a_body_is_optional_and_its_other_members_are_ignored(client, api):
    assert client.post(path_of(api, "/revisions")).json()["displayName"] == "Revision 1"
    body = {"description": "x", "displayName": "mine", "id": "mine", "deploymentInfo": []}
    assert client.post(path_of(api, "/revisions"), json=body).json()["displayName"] == "Revision 2"


def test_whether_a_developer_portal_shows_a_deployment_is_stored(client, api):
    deploy(client, api, create(client, api)).raise_for_status()
    deployment_id = urlsafe_b64encode(b"Default").decode().rstrip("=")
    path = path_of(api, f"/deployments/{deployment_id}")
    response = client.put(path, json={"name": "Default", "displayOnDevportal": False})
    assert (response.status_code, response.json()["displayOnDevportal"]) == (200, False)
    assert client.get(path_of(api, "/deployments")).json()["list"][0]["displayOnDevportal"] is False
    assert_problem(client.put(path_of(api, "/deployments/%F0"), json={"name": "eu"}), 404)


def test_wrong_requests_are_refused(client, api):
    other = create_api(client, "Pasta", sandbox=SANDBOX)
    mine, foreign = create(client, api), create(client, other)
    assert_problem(deploy(client, api, foreign), 404, says="revision")
    assert_problem(client.get(path_of(api, f"/revisions/{foreign['id']}")), 404)
    assert_problem(client.delete(path_of(api, f"/revisions/{foreign['id']}")), 404)
    response = client.post(path_of(api, "/restore-revision"), params={"revisionId": foreign["id"]})
    assert_problem(response, 404)
    assert_problem(deploy(client, api, mine, [{"name": "nowhere"}]), 400, "gatewayEnvironments")
    assert_problem(deploy(client, api, mine, []), 400, "gatewayEnvironments")
    assert_problem(undeploy(client, api, revisionNumber="7", allEnvironments="true"), 404)
    assert_problem(undeploy(client, api, revisionNumber="x", allEnvironments="true"), 400, "revisionNumber")
    assert_problem(undeploy(client, api, allEnvironments="true"), 400, "revisionId")
    assert_problem(undeploy(client, api, revisionId=mine["id"]), 400, "gatewayEnvironments")
    assert_problem(client.get(path_of(api, "/revisions"), params={"query": "name:x"}), 400, "query")
    assert_problem(client.post(path_of(api, "/revisions"), json={"description": "x" * 256}), 400, "description")


def test_only_publishers_change_what_a_served_api_serves(client, berta, enlist, sign_in, api):
    creator = sign_in(enlist(berta.organization, str(uuid.uuid4()), Role.CREATOR))
    viewer = sign_in(enlist(berta.organization, str(uuid.uuid4()), Role.VIEWER))
    publisher = sign_in(enlist(berta.organization, str(uuid.uuid4()), Role.PUBLISHER))
    first = create(creator, api)
    assert deploy(creator, api, first).status_code == 201
    assert viewer.get(path_of(api, "/revisions")).json()["count"] == 1
    assert_problem(viewer.post(path_of(api, "/revisions")), 403)
    assert_problem(deploy(viewer, api, first), 403)
    client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": "Publish"}).raise_for_status()
    second = create(creator, api)
    assert_problem(deploy(creator, api, second), 403)
    assert_problem(undeploy(creator, api, revisionId=first["id"], allEnvironments="true"), 403)
    assert deploy(publisher, api, second).status_code == 201
    assert_problem(publisher.post(path_of(api, "/restore-revision"), params={"revisionId": first["id"]}), 403)


def test_the_audit_log_has_every_change(client, api):
    first = create(client, api, "first one")
    deploy(client, api, first).raise_for_status()
    deploy(client, api, create(client, api)).raise_for_status()
    undeploy(client, api, revisionNumber="2", allEnvironments="true").raise_for_status()
    client.post(path_of(api, "/restore-revision"), params={"revisionId": first["id"]}).raise_for_status()
    client.delete(path_of(api, f"/revisions/{first['id']}")).raise_for_status()
    events = client.get(f"{PREFIX}/audit-events", params={"limit": 20}).json()["list"]
    details = [(event["action"], event["detail"]) for event in events if "revision" in event["action"]]
    assert details == [
        ("delete revision", "revision 1"),
        ("restore revision", "revision 1"),
        ("undeploy revision", "revision 2, groups Default"),
        ("deploy revision", "revision 2, groups Default, instead of 1"),
        ("create revision", "revision 2"),
        ("deploy revision", "revision 1, groups Default"),
        ("create revision", "revision 1: first one"),
    ]


def test_deleting_an_api_deletes_its_revisions(client, api):
    first = create(client, api)
    deploy(client, api, first).raise_for_status()
    assert client.delete(path_of(api)).status_code == 200
    assert_problem(client.get(path_of(api, "/revisions")), 404)
    assert_problem(client.get(path_of({"id": first["id"]})), 404)
