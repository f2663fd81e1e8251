"""An API can be exported and imported as a zip file with its certificates: all of it or nothing."""

import io
import json
import re
import zipfile
from hashlib import sha256

import pytest

from issuing import issue
from rest.calls import APIS, CERTIFICATES, URL, api_body, assert_problem, assert_unchanged, create_api, upload

pytestmark = pytest.mark.long

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
    with zipfile.ZipFile(output, "a") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
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
    body = response.json()
    assert (body["name"], body["tags"], body["lifeCycleStatus"]) == ("Pizza", ["thin"], "PUBLISHED")
    assert stranger.get(response.headers["location"]).json() | {"revision": None} == body
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
    response = take(stranger, client.get(f"{APIS}/export", params=query).content)
    assert response.json()["lifeCycleStatus"] == "CREATED"


def test_an_existing_api_is_changed_only_with_overwrite(client, archive, shared_runtime, berta):
    with assert_unchanged(shared_runtime, berta.organization):
        assert_problem(take(client, archive), 409, "name", says="overwrite=true")
    new_archive = rewritten(archive, lambda text: text.replace("thin", "thick"))
    response = take(client, new_archive, overwrite="true")
    assert (response.status_code, response.json()["tags"]) == (200, ["thick"])
    assert client.get(APIS).json()["count"] == 1


@pytest.mark.parametrize("user", [{}, {"grantType": "PASSWORD", "username": "till", "password": ""}])
def test_secrets_of_oauth_are_never_exported_and_come_from_parameters_or_stay(client, stranger, user):
    oauth = {"enabled": True, "type": "OAUTH", "grantType": "CLIENT_CREDENTIALS", "clientId": "shop"}
    oauth |= {"tokenUrl": "https://login.test/token", "customParameters": {"scope": "read"}}
    oauth |= user
    password = {"password": "geheim zwei"} if user else {}
    security = {"production": oauth | {"clientSecret": "geheim"} | password}
    config = {"production_endpoints": {"url": URL}, "endpoint_security": security}
    api = create_api(client, endpointConfig=config)
    archive = client.get(f"{APIS}/export", params={"apiId": api["id"]}).content
    with zipfile.ZipFile(io.BytesIO(archive)) as zip_file:
        assert not [name for name in zip_file.namelist() if b"geheim" in zip_file.read(name)]
    field = "endpointConfig.endpoint_security.production.clientSecret"
    fields = [field, field.replace("clientSecret", "password")] if user else [field]
    assert_problem(take(stranger, archive), 400, *fields, says="Enter the secret")
    assert take(client, archive, overwrite="true").status_code == 200

    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as zip_file:
        zip_file.writestr("Pizza/SourceArchive.zip", archive)
        security = {
            "production": oauth | {"clientSecret": "other", "customParameters": '{"scope": "write"}'} | password
        }
        zip_file.writestr("Pizza/Deployment/intermediate_params.yaml", json.dumps({"security": security}))
    response = take(stranger, outer.getvalue())
    assert response.status_code == 200, response.text
    expected = oauth | {"customParameters": {"scope": "write"}, "clientSecret": ""}
    assert response.json()["endpointConfig"]["endpoint_security"] == {"production": expected}


def dry_run(client, data, **params):
    response = take(client, data, dryRun="true", **params)
    assert response.status_code == 200, response.text
    return response.json()["compliance-check"]


def violations(check):
    (policy,) = check["violations"]
    (ruleset,) = policy["rulesets"]
    return [(violation["path"], violation["severity"]) for violation in ruleset["rule-violations"]]


def test_a_dry_run_finds_no_violations_and_imports_nothing(archive, client, stranger, shared_runtime, berta):
    assert dry_run(stranger, archive) == {"result": "pass", "violations": []}
    assert stranger.get(APIS).json()["count"] == stranger.get(CERTIFICATES).json()["count"] == 0
    with assert_unchanged(shared_runtime, berta.organization):
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
    larger_archive = with_files(archive, {"Pizza-1.0.0/Policies/a.j2": b"x", "Pizza-1.0.0/Policies/a.yaml": b"x: y"})
    assert violations(dry_run(stranger, larger_archive)) == [("Policies", "WARN")]
    response = take(stranger, larger_archive)
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
    assert [entry["name"] for entry in stranger.get(APIS).json()["list"]] == ["Mine"]


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
    other_archive = rewritten(archive, lambda text: text.replace("endpoint_type: http", f"endpoint_type: {kind}"))
    assert_problem(take(stranger, other_archive), 400, "endpointConfig.endpoint_type", says=instead)


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
def protected_archive(client, archive):
    """The archive of the same API after callers need a certificate."""
    del archive
    (api,) = client.get(APIS).json()["list"]
    fields, files = {"alias": "partner", "tier": "Gold"}, {"certificate": ("partner.crt", CALLER.pem)}
    assert client.post(f"{APIS}/{api['id']}/client-certificates", data=fields, files=files).status_code == 201
    return client.get(f"{APIS}/export", params={"apiId": api["id"]}).content


def test_an_archive_includes_caller_certificates(protected_archive, stranger):
    response = take(stranger, protected_archive)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["securityScheme"] == ["mutualssl"]
    assert [
        (certificate["alias"], certificate["tier"], certificate["fingerprint"])
        for certificate in callers_of(stranger, body)
    ] == [("partner", "Gold", sha256(CALLER.der).hexdigest())]
    assert take(stranger, protected_archive, overwrite="true").status_code == 200
    assert len(callers_of(stranger, body)) == 1


def test_callers_of_an_environment_stay_there(protected_archive, stranger):
    """WSO2 has a folder for each environment."""
    entries = {"PRODUCTION": ["live", "shared"], "SANDBOX": ["test", "shared"]}
    certificates = {alias: issue(common_name=alias).pem for alias in ("live", "shared", "test")}
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(protected_archive)) as source, zipfile.ZipFile(output, "w") as zip_file:
        root = source.namelist()[0].partition("/")[0] + "/Client-certificates"
        for name in source.namelist():
            if not name.startswith(root):
                zip_file.writestr(name, source.read(name))
        for folder, aliases in entries.items():
            callers = [{"alias": alias, "tierName": "Gold", "certificate": f"{alias}.crt"} for alias in aliases]
            document = {"type": "client_certificates", "version": "v4.2.0", "data": callers}
            zip_file.writestr(f"{root}/{folder}/client_certificates.json", json.dumps(document))
            for alias in aliases:
                zip_file.writestr(f"{root}/{folder}/{alias}.crt", certificates[alias])
    response = take(stranger, output.getvalue())
    assert response.status_code == 200, response.text
    assert {certificate["alias"]: certificate["keyType"] for certificate in callers_of(stranger, response.json())} == {
        "live": "PRODUCTION", "shared": None, "test": "SANDBOX"
    }  # fmt: skip
    assert take(stranger, output.getvalue(), overwrite="true").status_code == 200
    (test,) = (certificate for certificate in callers_of(stranger, response.json()) if certificate["alias"] == "test")
    path = f"{APIS}/{response.json()['id']}/client-certificates/test"
    assert stranger.put(path, data={"environment": "both"}).status_code == 200
    assert test["keyType"] == "SANDBOX"
    assert_problem(take(stranger, output.getvalue(), overwrite="true"), 409, "alias", says="both environments")


def test_an_archive_with_callers_is_never_imported_as_an_open_api(protected_archive, stranger):
    other_archive = rewritten(protected_archive, lambda text: text.replace("- mutualssl", "- oauth2"))
    api = take(stranger, other_archive).json()
    assert api["securityScheme"] == ["oauth2", "mutualssl"]


def test_an_archive_of_the_older_layout_that_requires_certificates_requires_them_here(stranger):
    old = {"id": {"providerName": "admin", "apiName": "Old", "version": "1"}, "context": "/old/1"}
    old["apiSecurity"] = "oauth2,mutualssl"
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as zip_file:
        zip_file.writestr("Old-1/Meta-information/api.json", json.dumps(old))
    response = take(stranger, output.getvalue())
    assert response.status_code == 200, response.text
    assert response.json()["securityScheme"] == ["oauth2", "mutualssl"]


def test_an_archive_of_an_open_api_does_not_open_one_that_is_protected(archive, protected_archive, client):
    del protected_archive
    open_archive = rewritten(archive, lambda text: text.replace("securityScheme: []", "securityScheme:\n  - oauth2"))
    assert_problem(take(client, open_archive, overwrite="true"), 400, "securityScheme", says="Delete them first")
    (api,) = client.get(APIS).json()["list"]
    assert client.get(f"{APIS}/{api['id']}").json()["securityScheme"] == ["mutualssl"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("alias: 1", "Each entry in client_certificates.yaml must have alias"),
        ("alias: partner\n  certificate: nowhere!", "no file Client-certificates/nowhere!"),
    ],
)
def test_an_unreadable_list_of_callers_is_rejected(protected_archive, stranger, lines, says):
    def change(text):
        return text.replace("alias: partner", lines.partition("\n")[0]) if "tierName" in text else text

    other_archive = rewritten(protected_archive, change)
    if "certificate:" in lines:
        other_archive = rewritten(
            protected_archive, lambda text: text.replace("certificate: partner.crt", lines.partition("\n  ")[2])
        )
    assert_problem(take(stranger, other_archive), 400, "file", says=says)


def test_another_certificate_under_an_existing_alias_is_a_conflict(protected_archive, client):
    other = rewritten(
        protected_archive, lambda text: OTHER_CALLER.pem.decode() if text == CALLER.pem.decode() else text
    )
    assert_problem(take(client, other, overwrite="true"), 409, "alias", says="exists with another certificate")


@pytest.fixture
def deployed_archive(archive):
    """The same archive with a list of deployments, as apictl and WSO2 write it."""
    text = json.dumps({"data": [{"displayOnDevportal": True, "deploymentEnvironment": "Default"}]})
    return with_files(archive, {"Pizza-1.0.0/deployment_environments.yaml": text})


def revisions_of(client, api):
    """Return the numbers of an API's revisions, each with the environments that serve it."""
    revisions = client.get(f"{APIS}/{api['id']}/revisions").json()["list"]
    return [
        (revision["displayName"], [place["name"] for place in revision["deploymentInfo"]]) for revision in revisions
    ]


def test_an_archive_with_deployments_is_imported_as_a_deployed_revision(archive, deployed_archive, stranger):
    api = take(stranger, deployed_archive).json()
    assert api["lifeCycleStatus"] == "PUBLISHED"
    assert revisions_of(stranger, api) == [("Revision 1", ["Default"])]
    assert stranger.get(f"{APIS}/{api['id']}/revisions/{api['revision']}").status_code == 200
    # Without deployments, only the working copy is changed.
    assert take(stranger, archive, overwrite="true").json()["revision"] is None
    assert len(revisions_of(stranger, api)) == 1


def test_a_sixth_revision_is_imported_only_if_an_old_one_may_be_deleted(deployed_archive, stranger):
    api = take(stranger, deployed_archive).json()
    for _ in range(4):
        take(stranger, deployed_archive, overwrite="true")
    response = take(stranger, deployed_archive, overwrite="true")
    assert (response.status_code, response.json()["type"]) == (400, "/problems/too-many-revisions")
    assert dry_run(stranger, deployed_archive, overwrite="true")["result"] == "fail"
    rotating = {"overwrite": "true", "rotateRevision": "true"}
    assert dry_run(stranger, deployed_archive, **rotating)["result"] == "pass"
    assert len(revisions_of(stranger, api)) == 5
    assert take(stranger, deployed_archive, **rotating).status_code == 200
    names = [f"Revision {number}" for number in range(2, 6)]
    assert revisions_of(stranger, api) == [*((name, []) for name in names), ("Revision 6", ["Default"])]


def test_a_revision_is_exported_as_it_was_with_its_deployments(deployed_archive, stranger):
    api = take(stranger, deployed_archive).json()
    stranger.put(f"{APIS}/{api['id']}", json={"description": "after the revision"})
    query = {"apiId": api["id"], "format": "JSON"}
    for selection in ({"revisionNumber": "1"}, {"latestRevision": "true"}):
        content = stranger.get(f"{APIS}/export", params=query | selection).content
        with zipfile.ZipFile(io.BytesIO(content)) as zip_file:
            document = json.loads(zip_file.read("Pizza-1.0.0/api.json"))["data"]
            deployments = json.loads(zip_file.read("Pizza-1.0.0/deployment_environments.json"))["data"]
        assert document["description"] == ""
        assert deployments == [{"displayOnDevportal": True, "deploymentEnvironment": "Default"}]
    assert_problem(stranger.get(f"{APIS}/export", params=query | {"revisionNumber": "2"}), 404)
    assert_problem(stranger.get(f"{APIS}/export", params=query | {"revisionNumber": "x"}), 400, "revisionNumber")


def test_an_unknown_environment_stops_the_whole_import(deployed_archive, stranger):
    elsewhere = rewritten(
        deployed_archive, lambda text: text.replace('Environment": "Default"', 'Environment": "nowhere"')
    )
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
    (entry,) = stranger.get(APIS).json()["list"]
    body = stranger.get(f"{APIS}/{entry['id']}").json()
    assert {name: body[name] for name in rules} == {name: api[name] for name in rules}
    invalid = rewritten(data, lambda text: re.sub(r'("?production"?): 7\b', r"\1: 0", text))
    assert_problem(take(stranger, invalid, overwrite="true"), 400, "maxTps.production")
