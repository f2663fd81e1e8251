"""
The requests of WSO2's command line, apictl 4.7, as measured with a proxy between it and Holdfast.

    apictl = Apictl(holdfast, project)
    apictl.login()
    answer = apictl.import_api("--update")
"""

import io
import zipfile
from typing import Any

import httpx2

from running import REST, Holdfast

# What apictl asks for; Holdfast grants the scopes that it knows.
SCOPES = (
    "apim:app_import_export apim:api_import_export apim:api_product_import_export apim:app_manage apim:sub_manage "
    "apim:api_view apim:api_delete apim:app_owner_change apim:subscribe apim:api_publish apim:admin "
    "apim:policies_import_export apim:mcp_server_view apim:mcp_server_list_view apim:mcp_server_create "
    "apim:mcp_server_delete apim:mcp_server_publish apim:mcp_server_manage apim:mcp_server_import_export"
)
Files = dict[str, bytes]  # by path


def zip_project(root: str, files: Files) -> bytes:
    """Zip a project like apictl, with entries for its folders."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in ("", "Client-certificates/", "Docs/", "Image/", "Interceptors/", "Policies/", "libs/"):
            archive.writestr(f"{root}/{folder}", b"")
        for name, content in files.items():
            archive.writestr(f"{root}/{name}", content)
    return output.getvalue()


def zip_with_params(root: str, files: Files, parameters: bytes, certificates: Files | None = None) -> bytes:
    """Zip a project with the parameters of an environment, from a file or (with *certificates*) a directory."""
    outer = {"SourceArchive.zip": zip_project("SourceArchive", files)}
    if certificates is None:
        outer["intermediate_params.yaml"] = parameters
    else:
        outer |= {f"Deployment/certificates/{name}": content for name, content in certificates.items()}
        outer["Deployment/intermediate_params.yaml"] = parameters
        outer["Deployment/params.yaml"] = b"environments: []"
        outer["Deployment/api_meta.yaml"] = b"name: Pizza"
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in outer.items():
            archive.writestr(f"{root}/{name}", content)
    return output.getvalue()


class Apictl:
    """apictl, signed in as admin; each command gets a new token."""

    def __init__(self, holdfast: Holdfast) -> None:
        self._holdfast = holdfast
        self._client = holdfast.browser()
        self._application = ("", "")

    def __enter__(self) -> "Apictl":
        user = ("admin", self._holdfast.admin_password)
        body = {
            "clientName": "rest_api_import_export_admin",
            "callbackUrl": "www.google.lk",
            "grantType": "password refresh_token",
            "saasApp": True,
            "owner": "admin",
            "tokenScope": "Production",
        }
        response = self._client.post("/client-registration/v0.17/register", json=body, auth=user)
        assert response.status_code == 200, response.text
        self._application = (response.json()["clientId"], response.json()["clientSecret"])
        return self

    def __exit__(self, *exception: object) -> None:
        response = self._client.post("/oauth2/revoke", data={"token": self._token()}, auth=self._application)
        assert response.status_code == 200, response.text
        self._client.close()

    def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Send one request of a command."""
        headers = {"Authorization": f"Bearer {self._token()}", "Accept": "application/json"}
        return self._client.request(method, f"{REST}{path}", headers=headers, **more)

    def find(self, name: str, version: str) -> str:
        """Return the ID of an API, which commands take by name and version."""
        query = {"query": f'name:"{name}" version:"{version}"'}
        (api,) = self.request("GET", "/search", params=query).json()["list"]
        assert (api["name"], api["version"]) == (name, version)
        return str(api["id"])

    def import_api(self, data: bytes, *, update: bool = False, rotate: bool = False, dry_run: bool = False) -> Any:
        """Run `import api`; return the answer."""
        query = {"overwrite": "true"} if update else {}
        query |= {"preserveProvider": "true", "rotateRevision": str(rotate).lower()}
        query |= {"dryRun": "true"} if dry_run else {}
        answer = self.request("POST", "/apis/import", params=query, files={"file": ("project.zip", data)})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def export_api(self, name: str, version: str, form: str = "YAML", **more: str) -> bytes:
        """Run `export api`; return the zip file."""
        query = {"name": name, "version": version, "providerName": "", "preserveStatus": "true"}
        query |= {"preserveCredentials": "false", "format": form} | more
        answer = self.request("GET", "/apis/export", params=query)
        assert answer.status_code == 200, answer.text
        return answer.content

    def change_status(self, api_id: str, action: str) -> None:
        """Run `change-status api`."""
        answer = self.request("POST", "/apis/change-lifecycle", params={"action": action, "apiId": api_id})
        assert answer.status_code == 200, answer.text

    def _token(self) -> str:
        form = {"grant_type": "password", "username": "admin", "password": self._holdfast.admin_password}
        answer = self._client.post("/oauth2/token", data=form | {"scope": SCOPES}, auth=self._application)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])
