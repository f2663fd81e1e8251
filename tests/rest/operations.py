"""
A request for every operation that REST has, and an organization that all of them can be made in.

    house = House(runtime, client_of_an_admin, user)
    house.ask(client, "DELETE /apis/{api_id}")
"""

import io
import re
import uuid
import zipfile
from datetime import timedelta

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.gateways.group import Group
from holdfast.certificates.certificate import read_certificate
from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.evidence import Evidence
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.gateways.enrollment import create_join_token
from holdfast.store.access import accounts
from holdfast.store.gateways import groups
from issuing import answer, identity_file, issue
from receivers import SECRET
from rest.calls import APIS, CERTIFICATES, ENDPOINTS, PREFIX, URL, api_body, create_api, upload
from watching import observe

CA = issue(ca=True, common_name="CA")
OWN = issue(common_name="own", by=CA)
MARKER = uuid.uuid4().hex
CALLER = issue(common_name=MARKER)
OLD, BACKEND = issue("pizza.test", common_name=MARKER), issue("pizza.test", common_name=MARKER)
DEFINITION = '{"openapi": "3.0.0", "info": {"title": "Imported", "version": "1"}, "paths": {}}'
ORIGIN = "https://pizza.test:8443"
NOWHERE = "https://127.0.0.1:1"
WHERE = {"endpoint": URL}
PICTURE = b"\x89PNG\r\n\x1a\n" + MARKER.encode()
DOCUMENT = {"name": "How to", "type": "HOWTO", "sourceType": "INLINE", "visibility": "API_LEVEL"}
DEPLOYED = [{"name": "Default"}]
PASSWORD = "a whole new sentence"


class House:
    """An organization with an object of every kind; everything that only its users know contains `marker`."""

    def __init__(self, runtime, owner, user):
        self.runtime, self.owner, self.user = runtime, owner, user
        self.marker = MARKER
        self.account = owner.get(f"{PREFIX}/account").json()
        api = create_api(owner, description=self.marker)
        self.ids = {
            "level": "api",
            "key_type": "PRODUCTION",
            "api_id": api["id"],
            "environment": "production",
            "alias": "pizza-backend",
            "name": user.name,
        }
        assert upload(owner, OLD.pem, "gone").status_code == 201
        assert owner.delete(f"{CERTIFICATES}/gone").status_code == 200
        self.ids["removed_id"] = owner.get(f"{PREFIX}/removed-endpoint-certificates").json()["list"][0]["id"]
        assert upload(owner, OLD.pem).status_code == 201
        files = {"certificate": ("new.pem", BACKEND.pem)}
        path = f"{CERTIFICATES}/pizza-backend"
        assert owner.put(path, params={"keepPrevious": "true"}, files=files).status_code == 200
        path = f"{APIS}/{api['id']}/client-certificates"
        fields = {"alias": "pizza-backend", "tier": self.marker}
        assert owner.post(path, data=fields, files={"certificate": ("a.crt", CALLER.pem)}).status_code == 201
        self._documents(api["id"])
        self.archive = self._archive()
        self._client_certificate()
        body = {"reason": f"because of {self.marker}", "until": self.later(hours=1)}
        assert owner.put(f"{ENDPOINTS}/trust-exception", params=WHERE, json=body).status_code == 200
        self.ids["request_id"] = self._failure()
        self.ids["revision_id"], self.ids["deployment_id"] = self._revision(api["id"]), "RGVmYXVsdA"
        self.ids["endpoint_id"] = self._watched_endpoint()
        self.ids["gateway"] = self._gateway()
        self.ids["group"] = self._group()
        self._notifications(api["id"])
        self.owned_by(owner)

    def owned_by(self, client):
        """Create a token, a calendar feed and a session for the user of *client*, whose operations are their own."""
        if "own_account" in client.get(f"{PREFIX}/account").json()["permissions"]:
            body = {"name": f"token {self.marker}", "scopes": ["apim:api_view"], "expiresTime": self.later(days=1)}
            self.ids["token_id"] = client.post(f"{PREFIX}/tokens", json=body).json()["id"]
            self.ids["session_id"] = client.get(f"{PREFIX}/account/sessions").json()["list"][0]["id"]
            client.post(f"{PREFIX}/calendar-feed")

    def ask(self, client, operation, ids=None, change=lambda request: request):
        """Send the request for *operation* on this house's objects, or on *ids*, after a *change*."""
        method, template = operation.split()
        ids = ids or self.ids
        path = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], template)
        if not path.startswith(("/metrics", "/oauth2", "/client-registration")):
            path = PREFIX + path
        return client.request(method, path, **change(REQUESTS[operation](self, ids)))

    def later(self, **by):
        """Return the time in the given number of days or hours."""
        return (self.runtime.now() + timedelta(**by)).isoformat()

    def _documents(self, api_id):
        files = {"file": ("pizza.png", PICTURE)}
        assert self.owner.put(f"{APIS}/{api_id}/thumbnail", files=files).status_code == 200
        body = DOCUMENT | {"name": self.marker[:60], "inlineContent": self.marker}
        response = self.owner.post(f"{APIS}/{api_id}/documents", json=body)
        assert response.status_code == 201, response.text
        self.ids["document_id"] = response.json()["documentId"]

    def _archive(self):
        archive = self.owner.get(f"{APIS}/export", params={"apiId": self.ids["api_id"]}).content
        output = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(archive)) as before, zipfile.ZipFile(output, "w") as after:
            for name in before.namelist():
                after.writestr(name, before.read(name).replace(b"Pizza", b"Pasta").replace(b": /pizza", b": /pasta"))
        return output.getvalue()

    def _client_certificate(self):
        path = f"{ENDPOINTS}/client-certificate"
        files = {"certificate": ("client.pem", identity_file(None, OWN))}
        assert self.owner.put(path, params=WHERE, files=files).status_code == 200
        response = self.owner.post(f"{path}/request", params=WHERE, json={"subject": "me"})
        assert response.status_code == 201, response.text
        self.answer = answer(response.json()["csr"], CA).pem

    def _gateway(self):
        name = f"g-{uuid.uuid4().hex[:12]}"
        with self.runtime.store.write() as session:
            if DEFAULT_ORGANIZATION not in accounts.list_organizations(session):
                accounts.insert_organization(session, DEFAULT_ORGANIZATION, self.runtime.now())
        operator = Principal(DEFAULT_ORGANIZATION, "operator")
        create_join_token(Context(self.runtime.store, operator, self.runtime.now()), self.runtime.sealing, name)
        return name

    def _group(self):
        now = self.runtime.now()
        with self.runtime.store.write() as session:
            name = f"g{uuid.uuid4().hex[:12]}"
            groups.insert(session, Group(name, now, now))
        return name

    def _revision(self, api_id):
        """Deploy a revision, and create one that can be deleted."""
        first, other = (
            self.owner.post(f"{APIS}/{api_id}/revisions", json={"description": self.marker}).json()["id"]
            for _ in range(2)
        )
        params = {"revisionId": first}
        answer = self.owner.post(f"{APIS}/{api_id}/deploy-revision", params=params, json=DEPLOYED)
        assert answer.status_code == 201, answer.text
        return other

    def _watched_endpoint(self):
        store, now = self.runtime.store, self.runtime.now()
        return observe(store, self.account["organization"], ORIGIN, [read_certificate(BACKEND.der)], now).id

    def _notifications(self, api_id):
        self.ids["channel"] = "ops"
        body = {"name": "ops", "kind": "webhook", "url": f"{NOWHERE}/{self.marker}", "secret": SECRET}
        response = self.owner.post(f"{PREFIX}/notification-channels", json=body)
        assert response.status_code == 201, response.text
        body = {"kind": "trust_exception", "reason": f"because of {self.marker}", "until": self.later(hours=1)}
        self.ids["silence_id"] = self.owner.post(f"{PREFIX}/silences", json=body).json()["id"]
        for path in (f"{APIS}/{api_id}", f"{CERTIFICATES}/pizza-backend"):
            answer = self.owner.put(f"{path}/owners", json={"owners": [f"{self.marker}@example.com"]})
            assert answer.status_code == 200, answer.text

    def _failure(self):
        request_id = str(uuid.uuid4())
        self.runtime.failures.record(
            FailedRequest(
                gateway="local",
                cluster=f"{self.account['organization']}/{self.ids['api_id']}/production",
                upstream="10.0.0.1:443",
                evidence=Evidence(reason=f"TLS error: {self.marker}"),
                request_id=request_id,
                at=self.runtime.now(),
            )
        )
        return request_id


def nothing(*_):
    return {}


def about_endpoint(*_):
    return {"params": WHERE}


def about_revision(_, ids):
    return {"params": {"revisionId": ids["revision_id"]}}


def json_body(**body):
    return lambda *_: {"json": body}


def file_of(name, content, **fields):
    def build_parts(house, _):
        data = content(house) if callable(content) else content
        return {"files": {name: ("file", data)} | {key: (None, value) for key, value in fields.items()}}

    return build_parts


# By method and path: a request that succeeds for an admin.
REQUESTS = {
    "GET /apis": nothing,
    "POST /apis": json_body(**api_body("Pasta")),
    "GET /apis/{api_id}": nothing,
    "PUT /apis/{api_id}": json_body(description="changed"),
    "DELETE /apis/{api_id}": nothing,
    "GET /apis/{api_id}/endpoint-health": nothing,
    "GET /apis/{api_id}/failures": nothing,
    "PUT /apis/{api_id}/failures/{environment}/acknowledgement": nothing,
    "DELETE /apis/{api_id}/failures/{environment}/acknowledgement": nothing,
    "GET /apis/{api_id}/swagger": nothing,
    "PUT /apis/{api_id}/swagger": file_of("apiDefinition", DEFINITION),
    "GET /apis/{api_id}/lifecycle-state": nothing,
    "GET /apis/{api_id}/lifecycle-history": nothing,
    "DELETE /apis/{api_id}/lifecycle-state/pending-tasks": nothing,
    "POST /apis/change-lifecycle": lambda _, ids: {"params": {"apiId": ids["api_id"], "action": "Publish"}},
    "POST /apis/copy-api": lambda _, ids: {"params": {"apiId": ids["api_id"], "newVersion": "2.0"}},
    "GET /apis/export": lambda _, ids: {"params": {"apiId": ids["api_id"]}},
    "POST /apis/import": file_of("file", lambda house: house.archive),
    "POST /apis/import-openapi": file_of("file", DEFINITION, additionalProperties='{"context": "/imported"}'),
    "POST /apis/validate-openapi": file_of("file", DEFINITION),
    "POST /apis/validate-endpoint": lambda *_: {"params": {"endpointUrl": NOWHERE}},
    "HEAD /apis/validate": lambda *_: {"params": {"query": "name:Pizza"}},
    "POST /apis/validate": lambda *_: {"params": {"query": "name:Pizza"}},
    "GET /apis/{api_id}/thumbnail": nothing,
    "PUT /apis/{api_id}/thumbnail": file_of("file", PICTURE),
    "DELETE /apis/{api_id}/thumbnail": nothing,
    "GET /apis/{api_id}/documents": nothing,
    "POST /apis/{api_id}/documents": json_body(**DOCUMENT),
    "POST /apis/{api_id}/documents/validate": lambda house, _: {"params": {"name": house.marker[:60]}},
    "GET /apis/{api_id}/documents/{document_id}": nothing,
    "PUT /apis/{api_id}/documents/{document_id}": json_body(**DOCUMENT),
    "DELETE /apis/{api_id}/documents/{document_id}": nothing,
    "GET /apis/{api_id}/documents/{document_id}/content": nothing,
    "POST /apis/{api_id}/documents/{document_id}/content": lambda *_: {"data": {"inlineContent": "text"}},
    "GET /apis/{api_id}/client-certificates": nothing,
    "POST /apis/{api_id}/client-certificates": file_of("certificate", OWN.pem, alias="a", tier="Gold"),
    "GET /apis/{api_id}/client-certificates/{alias}": nothing,
    "PUT /apis/{api_id}/client-certificates/{alias}": file_of("certificate", OWN.pem),
    "DELETE /apis/{api_id}/client-certificates/{alias}": nothing,
    "GET /apis/{api_id}/client-certificates/{alias}/content": nothing,
    "GET /apis/{api_id}/client-certs/{key_type}": nothing,
    "POST /apis/{api_id}/client-certs/{key_type}": file_of("certificate", OWN.pem, alias="a", tier="Gold"),
    "GET /apis/{api_id}/client-certs/{key_type}/{alias}": nothing,
    "PUT /apis/{api_id}/client-certs/{key_type}/{alias}": file_of("certificate", OWN.pem),
    "DELETE /apis/{api_id}/client-certs/{key_type}/{alias}": nothing,
    "GET /apis/{api_id}/client-certs/{key_type}/{alias}/content": nothing,
    "POST /apis/{api_id}/generate-key": nothing,
    "GET /apis/{api_id}/revisions": nothing,
    "POST /apis/{api_id}/revisions": json_body(description="second"),
    "GET /apis/{api_id}/revisions/{revision_id}": nothing,
    "DELETE /apis/{api_id}/revisions/{revision_id}": nothing,
    "POST /apis/{api_id}/restore-revision": about_revision,
    "POST /apis/{api_id}/deploy-revision": lambda house, ids: about_revision(house, ids) | {"json": DEPLOYED},
    "POST /apis/{api_id}/undeploy-revision": lambda house, ids: about_revision(house, ids) | {"json": DEPLOYED},
    "GET /apis/{api_id}/deployments": nothing,
    "PUT /apis/{api_id}/deployments/{deployment_id}": json_body(**DEPLOYED[0]),
    "GET /labels": nothing,
    "PUT /labels": lambda _, ids: {"params": {"kind": "api", "object": ids["api_id"]}, "json": {"labels": ["a"]}},
    "GET /endpoint-certificates": nothing,
    "POST /endpoint-certificates": file_of("certificate", OWN.pem, alias="new", endpoint=URL),
    "GET /endpoint-certificates-export": nothing,
    "POST /endpoint-certificates/delete": lambda _, ids: {"json": {"aliases": [ids["alias"]]}},
    "POST /endpoint-certificates/replace": file_of(
        "certificate", OWN.pem, fingerprint=read_certificate(BACKEND.der).fingerprint
    ),
    "POST /endpoint-certificates/inspect": file_of("certificate", OWN.pem),
    "GET /endpoint-certificates/{alias}": nothing,
    "PUT /endpoint-certificates/{alias}": file_of("certificate", OWN.pem),
    "DELETE /endpoint-certificates/{alias}": nothing,
    "GET /endpoint-certificates/{alias}/usage": nothing,
    "GET /endpoint-certificates/{alias}/content": nothing,
    "POST /endpoint-certificates/{alias}/undo": nothing,
    "POST /endpoint-certificates/{alias}/retire": nothing,
    "POST /endpoint-certificates/{alias}/pin": nothing,
    "DELETE /endpoint-certificates/{alias}/pin": nothing,
    "GET /removed-endpoint-certificates": nothing,
    "POST /removed-endpoint-certificates/{removed_id}/restore": nothing,
    "GET /endpoints/trust-settings": about_endpoint,
    "GET /endpoints/trust-settings/crls": about_endpoint,
    "POST /endpoints/trust-settings/inspect": lambda *_: {"params": WHERE, "json": {"names": ["pizza.test"]}},
    "PUT /endpoints/trust-settings": lambda *_: {"params": WHERE, "json": {"names": ["pizza.test"]}},
    "PUT /endpoints/trust-exception": lambda house, _: {
        "params": WHERE,
        "json": {"reason": "the certificate is renewed", "until": house.later(hours=2)},
    },
    "DELETE /endpoints/trust-exception": about_endpoint,
    "GET /endpoints/trust-exceptions": nothing,
    "POST /endpoints/probe": lambda *_: {"files": {"endpoint": (None, NOWHERE)}},
    "POST /endpoints/fetch": lambda *_: {"data": {"endpoint": NOWHERE}},
    "GET /endpoints/client-certificate": about_endpoint,
    "PUT /endpoints/client-certificate": lambda *_: {
        "params": WHERE,
        "files": {"certificate": ("client.pem", identity_file(None, OWN))},
    },
    "DELETE /endpoints/client-certificate": about_endpoint,
    "POST /endpoints/client-certificate/request": lambda *_: {"params": WHERE, "json": {"subject": "me"}},
    "DELETE /endpoints/client-certificate/request": about_endpoint,
    "PUT /endpoints/client-certificate/answer": lambda house, _: {
        "params": WHERE,
        "files": {"certificate": ("answer.pem", house.answer)},
    },
    "GET /attention": nothing,
    "GET /expiry": nothing,
    "GET /watched-endpoints": nothing,
    "GET /watched-endpoints/{endpoint_id}": nothing,
    "GET /watched-endpoints/{endpoint_id}/history": nothing,
    "GET /traffic": nothing,
    "GET /apis/{api_id}/traffic": nothing,
    "GET /failures": nothing,
    "GET /failures/{request_id}": nothing,
    "GET /gateways": nothing,
    "POST /gateways": lambda *_: {"json": {"name": f"n-{uuid.uuid4().hex[:12]}", "labels": {"region": "eu"}}},
    "GET /gateways/{gateway}": nothing,
    "DELETE /gateways/{gateway}": nothing,
    # The token is the only credential, so no role matters.
    "POST /gateways/join": json_body(token="hfg_unknown", csr=""),
    "GET /gateways/enforcement": lambda *_: {"params": {"context": "/pizza", "version": "1.0"}},
    "GET /control-planes": nothing,
    "GET /gateways/groups": nothing,
    "POST /gateways/groups": lambda *_: {"json": {"name": f"g{uuid.uuid4().hex[:12]}"}},
    "GET /gateways/groups/{group}": nothing,
    "PUT /gateways/groups/{group}": json_body(displayName="another"),
    "DELETE /gateways/groups/{group}": nothing,
    "GET /notification-channels": nothing,
    "POST /notification-channels": json_body(name="other", kind="email", recipients=["team@example.com"]),
    "GET /notification-channels/{channel}": nothing,
    "PUT /notification-channels/{channel}": json_body(events=["backend_failure"]),
    "DELETE /notification-channels/{channel}": nothing,
    "POST /notification-channels/{channel}/test": nothing,
    "GET /notifications": nothing,
    "GET /silences": nothing,
    "POST /silences": lambda house, _: {
        "json": {"kind": "backend_failure", "reason": "maintenance", "until": house.later(hours=1)}
    },
    "DELETE /silences/{silence_id}": nothing,
    "GET /apis/{api_id}/owners": nothing,
    "PUT /apis/{api_id}/owners": json_body(owners=["team@example.com"]),
    "GET /endpoint-certificates/{alias}/owners": nothing,
    "PUT /endpoint-certificates/{alias}/owners": json_body(owners=["team@example.com"]),
    "GET /audit-events": nothing,
    "GET /audit-events/chain": nothing,
    "GET /audit-events/export": nothing,
    "GET /search": lambda *_: {"params": {"query": "pizza"}},
    "GET /settings": nothing,
    "GET /settings/gateway-environments": nothing,
    "GET /metrics": nothing,
    "GET /tokens": nothing,
    "POST /tokens": lambda house, _: {
        "json": {"name": "another", "scopes": ["apim:api_view"], "expiresTime": house.later(days=1)}
    },
    "GET /tokens/current": nothing,
    "DELETE /tokens/current": nothing,
    "DELETE /tokens/{token_id}": nothing,
    "POST /calendar-feed": nothing,
    "GET /calendar-feed": nothing,
    "DELETE /calendar-feed": nothing,
    "GET /account": nothing,
    "PUT /account/password": lambda *_: {"json": {"current": "crisp-thin-päsword", "new": PASSWORD}},
    "GET /account/sessions": nothing,
    "DELETE /account/sessions/{session_id}": nothing,
    "GET /users": nothing,
    "POST /users": json_body(name="dora", password=PASSWORD, roles=["creator"]),
    "GET /users/{name}": nothing,
    "PUT /users/{name}": json_body(roles=["publisher"], disabled=True),
    "DELETE /users/{name}": nothing,
    "PUT /users/{name}/password": json_body(password="another whole sentence"),
    "GET /organizations": nothing,
    "GET /key-managers": nothing,
    "GET /throttling-policies/{level}": nothing,
    "GET /subscriptions": nothing,
    "GET /operation-policies": nothing,
    "GET /installation/organizations": nothing,
    "POST /installation/organizations": lambda *_: {
        "json": {"organization": f"o{uuid.uuid4().hex[:12]}", "admin": "eva", "password": PASSWORD}
    },
    "POST /client-registration/v0.17/register": json_body(clientName="script", grantType="password"),
    # New IDs, because failures of the same application are limited.
    "POST /oauth2/token": lambda *_: {"data": {"grant_type": "client_credentials"}, "auth": (uuid.uuid4().hex, "x")},
    "POST /oauth2/revoke": lambda *_: {"data": {"token": "x"}, "auth": (uuid.uuid4().hex, "x")},
}


def operations_of(client):
    """Return the names of all operations in `/openapi.json`, as they are used here."""
    paths = client.get("/openapi.json").json()["paths"]
    return {f"{method.upper()} {path.removeprefix(PREFIX)}" for path, methods in paths.items() for method in methods}
