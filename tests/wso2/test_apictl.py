"""WSO2's command line: its documented ways to bring an API with its certificates from one environment to the next."""

import io
import json
import ssl
import zipfile
from pathlib import Path

import httpx2
import pytest

from backends import Backend
from issuing import issue
from running import Holdfast, wait_until
from wso2.apictl import Apictl, zip_project, zip_with_params

pytestmark = pytest.mark.envoy
DEV, PROD, CALLER = issue("127.0.0.1"), issue("127.0.0.1"), issue(common_name="partner")
SWAGGER = json.dumps(
    {
        "openapi": "3.0.1",
        "info": {"title": "Pizza", "version": "1.0.0"},
        "paths": {"/menu": {"get": {"responses": {"200": {"description": "ok"}}}}},
    }
).encode()


def project(name: str, url: str, **more: object) -> dict[str, bytes]:
    """Return the files of a project as `apictl init` creates them, with a certificate of its endpoint."""
    api = {
        "name": name,
        "context": f"/{name}",
        "version": "1.0.0",
        "provider": "admin",
        "lifeCycleStatus": "PUBLISHED",
        "isRevision": False,
        "revisionId": 0,
        "type": "HTTP",
        "transport": ["http", "https"],
        "policies": ["Unlimited"],
        "visibility": "PUBLIC",
        "endpointConfig": {"endpoint_type": "http", "production_endpoints": {"url": url}},
        "endpointImplementationType": "ENDPOINT",
        "websubSubscriptionConfiguration": None,
    } | more
    certificates = [{"alias": f"{name}-dev", "endpoint": url, "certificate": "dev.crt"}]
    deployments = [{"displayOnDevportal": True, "deploymentEnvironment": "Default"}]
    return {
        "README.md": b"A project.",
        "api.yaml": wrap("api", api),
        "api_meta.yaml": b"name: Pizza\nversion: 1.0.0\n",
        "deployment_environments.yaml": wrap("deployment_environments", deployments),
        "Definitions/swagger.yaml": SWAGGER,
        "Endpoint-certificates/endpoint_certificates.yaml": wrap("endpoint_certificates", certificates),
        "Endpoint-certificates/dev.crt": DEV.pem,
    }


def wrap(kind: str, data: object) -> bytes:
    return json.dumps({"type": kind, "version": "v4.7.0", "data": data}).encode()


def call(holdfast: Holdfast, path: str, tmp_path: Path | None = None) -> int:
    """Call the gateway; with a folder for files, over TLS with the caller's certificate."""
    if tmp_path is None:
        return holdfast.call(path).status_code
    (tmp_path / "caller.pem").write_bytes(CALLER.pem + CALLER.key_pem)
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.load_cert_chain(tmp_path / "caller.pem")
    host, port = holdfast.tls_address()
    with httpx2.Client(verify=tls, timeout=30) as client:
        return client.get(f"https://{host}:{port}{path}").status_code


def test_an_api_goes_from_one_environment_to_the_next(holdfast: Holdfast):
    with Backend(DEV) as backend, Apictl(holdfast) as apictl:
        api = apictl.import_api(zip_project("Travel", project("Travel", backend.url())))
        assert api["lifeCycleStatus"] == "PUBLISHED"
        assert "notImported" not in api
        assert apictl.find("Travel", "1.0.0") == api["id"]
        wait_until(lambda: call(holdfast, "/Travel/1.0.0/menu") == 200)

        exported_archive = apictl.export_api("Travel", "1.0.0")
        with zipfile.ZipFile(io.BytesIO(apictl.export_api("Travel", "1.0.0", "json"))) as archive:
            assert "Travel-1.0.0/api.json" in archive.namelist()
        assert apictl.request("DELETE", f"/apis/{api['id']}").status_code == 200
        wait_until(lambda: call(holdfast, "/Travel/1.0.0/menu") == 404)

        again = apictl.import_api(exported_archive)
        assert again["id"] != api["id"]
        wait_until(lambda: call(holdfast, "/Travel/1.0.0/menu") == 200)
        for action in ("Deprecate", "Retire"):
            apictl.change_status(again["id"], action)
        wait_until(lambda: call(holdfast, "/Travel/1.0.0/menu") == 404)


def test_a_deployment_directory_has_the_endpoint_and_the_certificates_of_an_environment(
    holdfast: Holdfast, tmp_path: Path
):
    with Backend(PROD) as backend, Apictl(holdfast) as apictl:
        parameters = {
            "endpoints": {"production": {"url": backend.url(), "config": {"retryDelay": "23000", "factor": 3}}},
            "security": {"production": {"enabled": True, "type": "basic", "username": "u", "password": "p"}},
            "deploymentEnvironments": [
                {"displayOnDevportal": True, "deploymentEnvironment": "Default", "deploymentVhost": "localhost"}
            ],
            "certs": [{"hostName": backend.url(), "alias": "prod", "path": "prod.crt"}],
            "mutualSslCerts": [{"tierName": "Unlimited", "alias": "partner", "path": "partner.crt"}],
            "policies": ["Gold"],
        }
        files = project("Directory", "https://dev.invalid")
        certificates = {"prod.crt": PROD.pem, "partner.crt": CALLER.pem}
        data = zip_with_params("Directory", files, json.dumps(parameters).encode(), certificates)
        assert apictl.import_api(data, dry_run=True)["compliance-check"]["result"] == "pass"
        assert holdfast.rest.get("/apis", params={"query": "name:Directory"}).json()["count"] == 0

        api = apictl.import_api(data)
        assert "notImported" not in api
        config = api["endpointConfig"]
        assert config["production_endpoints"]["url"] == backend.url()
        assert config["endpoint_security"]["production"]["password"] == ""
        assert (api["policies"], api["securityScheme"]) == (["Gold"], ["mutualssl"])
        wait_until(lambda: call(holdfast, "/Directory/1.0.0/menu", tmp_path) == 200)
        assert call(holdfast, "/Directory/1.0.0/menu") != 200
        # The certificate of the other environment isn't trusted in this one.
        assert holdfast.rest.get("/endpoint-certificates/Directory-dev").status_code == 404
        apictl.request("DELETE", f"/apis/{api['id']}")


def test_a_file_of_parameters_has_the_endpoints_of_an_environment(holdfast: Holdfast):
    with Backend(DEV) as backend, Apictl(holdfast) as apictl:
        parameters = json.dumps({"endpoints": {"production": {"url": backend.url("/base")}}}).encode()
        files = project("File", backend.url()) | {"Policies/log.j2": b"<log/>"}
        api = apictl.import_api(zip_with_params("File", files, parameters))
        assert api["endpointConfig"]["production_endpoints"]["url"] == backend.url("/base")
        assert [part["what"] for part in api["notImported"]] == ["Policies"]
        wait_until(lambda: call(holdfast, "/File/1.0.0/menu") == 200)

        check = apictl.import_api(zip_with_params("File", files, parameters), update=True, dry_run=True)
        (policy,) = check["compliance-check"]["violations"]
        assert [violation["path"] for violation in policy["rulesets"][0]["rule-violations"]] == ["Policies"]
        apictl.request("DELETE", f"/apis/{api['id']}")


@pytest.mark.parametrize("routing", ["load_balanced", "failover"])
def test_parameters_have_the_members_of_a_group_with_their_certificates(holdfast: Holdfast, routing: str):
    with Backend(DEV) as one, Backend(PROD) as two, Apictl(holdfast) as apictl:
        members = [{"url": one.url()}, {"url": two.url()}]
        place = {
            "load_balanced": {"loadBalanceEndpoints": {"production": members, "sessionManagement": "transport"}},
            "failover": {"failoverEndpoints": {"production": members[0], "productionFailovers": members[1:]}},
        }[routing]
        certificates = [
            {"hostName": member["url"], "alias": f"{routing}-{name}", "path": f"{name}.crt"}
            for member, name in zip(members, ("dev", "prod"), strict=True)
        ]
        parameters = json.dumps({"endpointRoutingPolicy": routing, "certs": certificates} | place).encode()
        files = project(f"Group-{routing}", "https://dev.invalid")
        pems = {"dev.crt": DEV.pem, "prod.crt": PROD.pem}
        api = apictl.import_api(zip_with_params("Group", files, parameters, pems))
        path = f"/Group-{routing}/1.0.0/menu"
        wait_until(lambda: {call(holdfast, path) for _ in range(4)} == {200})  # both members are trusted
        apictl.request("DELETE", f"/apis/{api['id']}")


def test_an_import_can_be_listed_and_undeployed_as_a_revision(holdfast: Holdfast):
    with Backend(DEV) as backend, Apictl(holdfast) as apictl:
        api = apictl.import_api(zip_project("Revised", project("Revised", backend.url())), rotate=True)
        path, target = f"/apis/{api['id']}", "/Revised/1.0.0/menu"
        wait_until(lambda: call(holdfast, target) == 200)
        # What `get api-revisions` and `export apis` ask for.
        (revision,) = apictl.request("GET", f"{path}/revisions", params={"query": "deployed:true"}).json()["list"]
        assert (revision["id"], revision["displayName"]) == (api["revision"], "Revision 1")
        assert [place["name"] for place in revision["deploymentInfo"]] == ["Default"]
        with zipfile.ZipFile(io.BytesIO(apictl.export_api("Revised", "1.0.0", revisionNumber="1"))) as archive:
            assert "Revised-1.0.0/deployment_environments.yaml" in archive.namelist()
        query = {"revisionNumber": "1", "allEnvironments": "true"}
        response = apictl.request("POST", f"{path}/undeploy-revision", params=query, json=None)
        assert response.status_code in {200, 201}, response.text
        wait_until(lambda: call(holdfast, target) == 404)
        apictl.request("DELETE", path)


def test_lists_of_what_holdfast_does_not_have_are_empty(holdfast: Holdfast):
    with Apictl(holdfast) as apictl:
        products = apictl.request("GET", "/search", params={"limit": "25", "query": 'type:"APIProduct"'})
        assert products.json()["list"] == []
        assert apictl.request("GET", "/operation-policies", params={"limit": "25"}).json()["list"] == []
        assert apictl.request("GET", "/apis", params={"limit": "25", "query": "name:Nothing"}).json()["list"] == []
