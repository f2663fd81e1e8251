"""An API can be exported and imported as a zip file with its certificates: all of it or nothing."""

import io
import json
import re
import zipfile
from hashlib import sha256

import pytest

from issuing import issue
from rest.calls import APIS, CERTIFICATES, URL, api_body, assert_problem, create_api, unchanged, upload

PIZZA, OTHER = issue("pizza.test"), issue("pizza.test")
CALLER, OTHER_CALLER = issue(common_name="partner"), issue(common_name="partner")


@pytest.fixture
def archive(client):
    """The archive of a published API with a certificate."""
    api = create_api(client, tags=["thin"])
    upload(client, PIZZA.pem)
    client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": "Publish"})
    return client.get(f"{APIS}/export", params={"apiId": api["id"]}).content


def take(client, data, **params):
    return client.post(f"{APIS}/import", files={"file": ("pizza.zip", data)}, params=params)


def with_files(data, files):
    output = io.BytesIO(data)
    with zipfile.ZipFile(output, "a") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return output.getvalue()


def rewritten(data, change):
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(output, "w") as after:
        for name in before.namelist():
            after.writestr(name, change(before.read(name).decode()))
    return output.getvalue()


def test_another_organization_can_import_the_whole_archive(archive, stranger):
    response = take(stranger, archive)
    assert response.status_code == 200, response.text
    made = response.json()
    assert (made["name"], made["tags"], made["lifeCycleStatus"]) == ("Pizza", ["thin"], "PUBLISHED")
    assert stranger.get(response.headers["location"]).json() | {"revision": None} == made
    assert stranger.get(f"{CERTIFICATES}/pizza-backend/content").content == PIZZA.der
    assert stranger.get(f"{CERTIFICATES}/pizza-backend").json()["endpoint"] == URL


def test_an_api_can_be_exported_by_name_and_version(client, archive):
    response = client.get(f"{APIS}/export", params={"name": "Pizza", "version": "1.0.0"})
    assert response.content == archive
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"] == 'attachment; filename="Pizza-1.0.0.zip"'
    assert_problem(client.get(f"{APIS}/export", params={"name": "Pizza", "version": "2"}), 404)
    assert_problem(client.get(f"{APIS}/export"), 404)


def test_an_export_without_its_state_is_imported_as_created(client, archive, stranger):
    del archive
    query = {"name": "Pizza", "version": "1.0.0", "preserveStatus": "false"}
    made = take(stranger, client.get(f"{APIS}/export", params=query).content)
    assert made.json()["lifeCycleStatus"] == "CREATED"


def test_an_existing_api_is_changed_only_with_overwrite(client, archive, shared_runtime, berta):
    with unchanged(shared_runtime, berta.organization):
        assert_problem(take(client, archive), 409, "name", says="overwrite=true")
    changed = rewritten(archive, lambda text: text.replace("thin", "thick"))
    response = take(client, changed, overwrite="true")
    assert (response.status_code, response.json()["tags"]) == (200, ["thick"])
    assert client.get(APIS).json()["count"] == 1


@pytest.mark.parametrize("user", [{}, {"grantType": "PASSWORD", "username": "till", "password": ""}])
def test_secrets_of_oauth_are_never_exported_and_come_from_parameters_or_stay(client, stranger, user):
    oauth = {"enabled": True, "type": "OAUTH", "grantType": "CLIENT_CREDENTIALS", "clientId": "shop"}
    oauth |= {"tokenUrl": "https://login.test/token", "customParameters": {"scope": "read"}}
    oauth |= user
    password = {"password": "geheim zwei"} if user else {}
    security = {"production": oauth | {"clientSecret": "geheim"} | password}
    secured = {"production_endpoints": {"url": URL}, "endpoint_security": security}
    api = create_api(client, endpointConfig=secured)
    exported = client.get(f"{APIS}/export", params={"apiId": api["id"]}).content
    with zipfile.ZipFile(io.BytesIO(exported)) as packed:
        assert not [name for name in packed.namelist() if b"geheim" in packed.read(name)]
    field = "endpointConfig.endpoint_security.production.clientSecret"
    fields = [field, field.replace("clientSecret", "password")] if user else [field]
    assert_problem(take(stranger, exported), 400, *fields, says="Enter the secret")
    assert take(client, exported, overwrite="true").status_code == 200

    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as packed:
        packed.writestr("Pizza/SourceArchive.zip", exported)
        security = {
            "production": oauth | {"clientSecret": "other", "customParameters": '{"scope": "write"}'} | password
        }
        packed.writestr("Pizza/Deployment/intermediate_params.yaml", json.dumps({"security": security}))
    imported = take(stranger, outer.getvalue())
    assert imported.status_code == 200, imported.text
    expected = oauth | {"customParameters": {"scope": "write"}, "clientSecret": ""}
    assert imported.json()["endpointConfig"]["endpoint_security"] == {"production": expected}


def dry_run(client, data, **params):
    response = take(client, data, dryRun="true", **params)
    assert response.status_code == 200, response.text
    return response.json()["compliance-check"]


def violations(check):
    (policy,) = check["violations"]
    (ruleset,) = policy["rulesets"]
    return [(each["path"], each["severity"]) for each in ruleset["rule-violations"]]


def test_a_dry_run_finds_no_violations_and_imports_nothing(archive, client, stranger, shared_runtime, berta):
    assert dry_run(stranger, archive) == {"result": "pass", "violations": []}
    assert stranger.get(APIS).json()["count"] == stranger.get(CERTIFICATES).json()["count"] == 0
    with unchanged(shared_runtime, berta.organization):
        assert dry_run(client, archive, overwrite="true")["result"] == "pass"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda text: text.replace("context: /pizza", "context: ../x"), "context"),
        (lambda text: text.replace("name: Pizza", "name: 5"), "file.name"),
        (lambda text: text.replace("alias: pizza-backend", "alias: a b"), "alias"),
        (lambda text: text.replace(PIZZA.pem.decode(), "-----BEGIN PRIVATE KEY-----"), "certificate"),
    ],
)
def test_a_dry_run_reports_what_an_import_would_reject(archive, stranger, change, path):
    check = dry_run(stranger, rewritten(archive, change))
    assert (check["result"], violations(check)) == ("fail", [(path, "ERROR")])


def test_a_dry_run_reports_an_api_that_exists_and_an_unreadable_file(archive, client):
    assert violations(dry_run(client, archive)) == [("name", "ERROR")]
    assert violations(dry_run(client, b"no zip")) == [("file", "ERROR")]


def test_parts_that_are_not_imported_are_named(archive, stranger):
    extended = with_files(archive, {"Pizza-1.0.0/Policies/a.j2": b"x", "Pizza-1.0.0/Policies/a.yaml": b"x: y"})
    assert violations(dry_run(stranger, extended)) == [("Policies", "WARN")]
    response = take(stranger, extended)
    assert response.status_code == 200, response.text
    assert response.json()["notImported"] == [{"what": "Policies", "why": "Holdfast doesn't have policies."}]
    assert "notImported" not in stranger.get(response.headers["location"]).json()


@pytest.mark.parametrize("form", ["json", "JSON", "Yaml", "yaml"])
def test_the_format_of_an_export_can_be_written_in_any_case(client, archive, form):
    del archive
    content = client.get(f"{APIS}/export", params={"name": "Pizza", "version": "1.0.0", "format": form}).content
    assert f"Pizza-1.0.0/api.{form.lower()}" in zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_a_conflicting_alias_stops_the_whole_import(archive, stranger):
    create_api(stranger, "Mine")
    assert upload(stranger, OTHER.pem).status_code == 201
    before = stranger.get(CERTIFICATES).json()
    assert_problem(take(stranger, archive), 409, "alias", says="pizza-backend already exists with other certificates")
    assert stranger.get(CERTIFICATES).json() == before
    assert [each["name"] for each in stranger.get(APIS).json()["list"]] == ["Mine"]


def test_a_certificate_for_an_unknown_endpoint_stops_the_whole_import(archive, stranger):
    foreign = rewritten(archive, lambda text: text.replace(f"endpoint: {URL}", "endpoint: https://else.test"))
    assert_problem(take(stranger, foreign), 400, "endpoint", says="No API has an endpoint")
    assert stranger.get(APIS).json()["count"] == 0


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (
            lambda text: text.replace("-----BEGIN CERTIFICATE", "-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE"),
            ["certificate"],
        ),
        (lambda text: text.replace("context: /pizza", "context: ../x"), ["context"]),
        (lambda text: text.replace("name: Pizza", "name: 5"), ["file.name"]),
        (lambda text: text.replace("endpoint_type: http", "endpoint_type: service"), ["endpointConfig.endpoint_type"]),
        (lambda text: text.replace("openapi: 3.0.1", "openapi: 9"), ["definition"]),
        (lambda text: text.replace("alias: pizza-backend", "alias: a b"), ["alias"]),
    ],
)
def test_invalid_content_is_named_and_nothing_is_imported(archive, stranger, change, fields):
    assert_problem(take(stranger, rewritten(archive, change)), 400, *fields)
    assert stranger.get(APIS).json()["count"] == stranger.get(CERTIFICATES).json()["count"] == 0


@pytest.mark.parametrize(("kind", "instead"), [("default", "one API for each backend"), ("awslambda", "lambda-url")])
def test_an_archive_of_an_endpoint_without_a_fixed_backend_is_refused_with_an_alternative(
    archive, stranger, kind, instead
):
    changed = rewritten(archive, lambda text: text.replace("endpoint_type: http", f"endpoint_type: {kind}"))
    assert_problem(take(stranger, changed), 400, "endpointConfig.endpoint_type", says=instead)


def test_a_file_that_is_not_an_archive_is_rejected(client):
    assert_problem(take(client, b"no zip"), 400, "file", says="isn't a zip archive")
    assert_problem(client.post(f"{APIS}/import", json=api_body()), 415, "Content-Type")


@pytest.mark.usefixtures("archive")
def test_an_api_of_another_organization_cannot_be_exported(client, stranger):
    api = client.get(APIS).json()["list"][0]
    assert_problem(stranger.get(f"{APIS}/export", params={"apiId": api["id"]}), 404)
    assert_problem(stranger.get(f"{APIS}/export", params={"name": "Pizza", "version": "1.0.0"}), 404)


def callers_of(client, api):
    return client.get(f"{APIS}/{api['id']}/client-certificates").json()["certificates"]


@pytest.fixture
def protected(client, archive):
    """The archive of the same API after callers need a certificate."""
    del archive
    (api,) = client.get(APIS).json()["list"]
    fields, files = {"alias": "partner", "tier": "Gold"}, {"certificate": ("partner.crt", CALLER.pem)}
    assert client.post(f"{APIS}/{api['id']}/client-certificates", data=fields, files=files).status_code == 201
    return client.get(f"{APIS}/export", params={"apiId": api["id"]}).content


def test_an_archive_includes_caller_certificates(protected, stranger):
    response = take(stranger, protected)
    assert response.status_code == 200, response.text
    made = response.json()
    assert made["securityScheme"] == ["mutualssl"]
    assert [(each["alias"], each["tier"], each["fingerprint"]) for each in callers_of(stranger, made)] == [
        ("partner", "Gold", sha256(CALLER.der).hexdigest())
    ]
    assert take(stranger, protected, overwrite="true").status_code == 200
    assert len(callers_of(stranger, made)) == 1


def test_callers_of_an_environment_stay_there(protected, stranger):
    """WSO2 has a folder for each environment."""
    entries = {"PRODUCTION": ["live", "shared"], "SANDBOX": ["test", "shared"]}
    certificates = {alias: issue(common_name=alias).pem for alias in ("live", "shared", "test")}
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(protected)) as source, zipfile.ZipFile(output, "w") as packed:
        root = source.namelist()[0].partition("/")[0] + "/Client-certificates"
        for name in source.namelist():
            if not name.startswith(root):
                packed.writestr(name, source.read(name))
        for folder, aliases in entries.items():
            listed = [{"alias": alias, "tierName": "Gold", "certificate": f"{alias}.crt"} for alias in aliases]
            document = {"type": "client_certificates", "version": "v4.2.0", "data": listed}
            packed.writestr(f"{root}/{folder}/client_certificates.json", json.dumps(document))
            for alias in aliases:
                packed.writestr(f"{root}/{folder}/{alias}.crt", certificates[alias])
    response = take(stranger, output.getvalue())
    assert response.status_code == 200, response.text
    assert {each["alias"]: each["keyType"] for each in callers_of(stranger, response.json())} == {
        "live": "PRODUCTION", "shared": None, "test": "SANDBOX"
    }  # fmt: skip
    assert take(stranger, output.getvalue(), overwrite="true").status_code == 200
    (test,) = (each for each in callers_of(stranger, response.json()) if each["alias"] == "test")
    path = f"{APIS}/{response.json()['id']}/client-certificates/test"
    assert stranger.put(path, data={"environment": "both"}).status_code == 200
    assert test["keyType"] == "SANDBOX"
    assert_problem(take(stranger, output.getvalue(), overwrite="true"), 409, "alias", says="both environments")


def test_an_archive_with_callers_is_never_imported_as_an_open_api(protected, stranger):
    said_otherwise = rewritten(protected, lambda text: text.replace("- mutualssl", "- oauth2"))
    made = take(stranger, said_otherwise).json()
    assert made["securityScheme"] == ["oauth2", "mutualssl"]


def test_an_archive_of_the_older_layout_that_requires_certificates_requires_them_here(stranger):
    old = {"id": {"providerName": "admin", "apiName": "Old", "version": "1"}, "context": "/old/1"}
    old["apiSecurity"] = "oauth2,mutualssl"
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as packed:
        packed.writestr("Old-1/Meta-information/api.json", json.dumps(old))
    made = take(stranger, output.getvalue())
    assert made.status_code == 200, made.text
    assert made.json()["securityScheme"] == ["oauth2", "mutualssl"]


def test_an_archive_of_an_open_api_does_not_open_one_that_is_protected(archive, protected, client):
    del protected
    opened = rewritten(archive, lambda text: text.replace("securityScheme: []", "securityScheme:\n  - oauth2"))
    assert_problem(take(client, opened, overwrite="true"), 400, "securityScheme", says="Delete them first")
    (api,) = client.get(APIS).json()["list"]
    assert client.get(f"{APIS}/{api['id']}").json()["securityScheme"] == ["mutualssl"]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("alias: 1", "Each entry in client_certificates.yaml must have alias"),
        ("alias: partner\n  certificate: nowhere!", "no file Client-certificates/nowhere!"),
    ],
)
def test_an_unreadable_list_of_callers_is_rejected(protected, stranger, said, says):
    def change(text):
        return text.replace("alias: partner", said.partition("\n")[0]) if "tierName" in text else text

    broken = rewritten(protected, change)
    if "certificate:" in said:
        broken = rewritten(protected, lambda text: text.replace("certificate: partner.crt", said.partition("\n  ")[2]))
    assert_problem(take(stranger, broken), 400, "file", says=says)


def test_another_certificate_under_an_existing_alias_is_a_conflict(protected, client):
    other = rewritten(protected, lambda text: OTHER_CALLER.pem.decode() if text == CALLER.pem.decode() else text)
    assert_problem(take(client, other, overwrite="true"), 409, "alias", says="exists with another certificate")


@pytest.fixture
def deployed(archive):
    """The same archive with a list of deployments, as apictl and WSO2 write it."""
    listed = json.dumps({"data": [{"displayOnDevportal": True, "deploymentEnvironment": "Default"}]})
    return with_files(archive, {"Pizza-1.0.0/deployment_environments.yaml": listed})


def revisions_of(client, api):
    """Return the numbers of an API's revisions, each with the environments that serve it."""
    listed = client.get(f"{APIS}/{api['id']}/revisions").json()["list"]
    return [(each["displayName"], [place["name"] for place in each["deploymentInfo"]]) for each in listed]


def test_an_archive_with_deployments_is_imported_as_a_deployed_revision(archive, deployed, stranger):
    made = take(stranger, deployed).json()
    assert made["lifeCycleStatus"] == "PUBLISHED"
    assert revisions_of(stranger, made) == [("Revision 1", ["Default"])]
    assert stranger.get(f"{APIS}/{made['id']}/revisions/{made['revision']}").status_code == 200
    # Without deployments, only the working copy is changed.
    assert take(stranger, archive, overwrite="true").json()["revision"] is None
    assert len(revisions_of(stranger, made)) == 1


def test_a_sixth_revision_is_imported_only_if_an_old_one_may_be_deleted(deployed, stranger):
    made = take(stranger, deployed).json()
    for _ in range(4):
        take(stranger, deployed, overwrite="true")
    refused = take(stranger, deployed, overwrite="true")
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/too-many-revisions")
    assert dry_run(stranger, deployed, overwrite="true")["result"] == "fail"
    rotating = {"overwrite": "true", "rotateRevision": "true"}
    assert dry_run(stranger, deployed, **rotating)["result"] == "pass"
    assert len(revisions_of(stranger, made)) == 5
    assert take(stranger, deployed, **rotating).status_code == 200
    names = [f"Revision {number}" for number in range(2, 6)]
    assert revisions_of(stranger, made) == [*((name, []) for name in names), ("Revision 6", ["Default"])]


def test_a_revision_is_exported_as_it_was_with_its_deployments(deployed, stranger):
    made = take(stranger, deployed).json()
    stranger.put(f"{APIS}/{made['id']}", json={"description": "after the revision"})
    query = {"apiId": made["id"], "format": "JSON"}
    for wanted in ({"revisionNumber": "1"}, {"latestRevision": "true"}):
        content = stranger.get(f"{APIS}/export", params=query | wanted).content
        with zipfile.ZipFile(io.BytesIO(content)) as exported:
            described = json.loads(exported.read("Pizza-1.0.0/api.json"))["data"]
            deployments = json.loads(exported.read("Pizza-1.0.0/deployment_environments.json"))["data"]
        assert described["description"] == ""
        assert deployments == [{"displayOnDevportal": True, "deploymentEnvironment": "Default"}]
    assert_problem(stranger.get(f"{APIS}/export", params=query | {"revisionNumber": "2"}), 404)
    assert_problem(stranger.get(f"{APIS}/export", params=query | {"revisionNumber": "x"}), 400, "revisionNumber")


def test_an_unknown_environment_stops_the_whole_import(deployed, stranger):
    elsewhere = rewritten(deployed, lambda text: text.replace('Environment": "Default"', 'Environment": "nowhere"'))
    assert_problem(take(stranger, elsewhere), 400, "gatewayEnvironments", says="nowhere")
    assert stranger.get(APIS).json()["count"] == 0


def test_rules_for_requests_are_in_archives(client, stranger):
    rules = {
        "isDefaultVersion": True,
        "onlyListedOperations": True,
        "operations": [{"target": "/menu", "verb": "GET"}],
        "corsConfiguration": {"corsConfigurationEnabled": True, "accessControlAllowOrigins": ["https://shop.test"]},
        "maxTps": {"production": 7, "productionTimeUnit": "HOUR"},
    }
    api = create_api(client, **rules)
    data = client.get(f"{APIS}/export", params={"apiId": api["id"]}).content
    assert take(stranger, data).status_code == 200
    (imported,) = stranger.get(APIS).json()["list"]
    body = stranger.get(f"{APIS}/{imported['id']}").json()
    assert {name: body[name] for name in rules} == {name: api[name] for name in rules}
    invalid = rewritten(data, lambda text: re.sub(r'("?production"?): 7\b', r"\1: 0", text))
    assert_problem(take(stranger, invalid, overwrite="true"), 400, "maxTps.production")
