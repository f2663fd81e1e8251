"""
Create, import, read and delete with the client generated from `/openapi.json`, in a separate environment.

Arguments: the publisher's URL, the HTTP Basic credentials, the URL of a backend, the file with its certificate.
"""

import io
import sys
import time
from pathlib import Path

import httpx
from holdfast_client import AuthenticatedClient, models, types
from holdfast_client.api.ap_is import create_api, delete_api
from holdfast_client.api.api_lifecycle import change_lifecycle
from holdfast_client.api.endpoint_certificates import (
    delete_certificate,
    get_certificate,
    list_certificates,
    upload_certificate,
)

url, credentials, backend, file = sys.argv[1:]
client = AuthenticatedClient(
    url, credentials, prefix="Basic", raise_on_unexpected_status=True, timeout=httpx.Timeout(30)
)

config = models.EndpointConfigBody(production_endpoints=models.EndpointBody(url=backend))
body = models.ApiBody(name="Generated", context="/generated", version="1.0", endpoint_config=config)
api = create_api.sync(client=client, body=body)
assert isinstance(api, models.ApiAnswer), api
change_lifecycle.sync(client=client, action="Publish", api_id=api.id)

content = types.File(io.BytesIO(Path(file).read_bytes()), "backend.pem")
form = models.BodyUploadCertificate(certificate=content, alias="generated", endpoint=backend)
certificate = upload_certificate.sync(client=client, body=form)
assert isinstance(certificate, models.ImportedCertificate), certificate
assert certificate.expiry_status == models.Status.ACTIVE

problem = upload_certificate.sync(client=client, body=models.BodyUploadCertificate(content, "generated", "no url"))
assert isinstance(problem, models.Problem), problem
assert [error.code for error in problem.error] == ["endpoint"]

end = time.monotonic() + 40
while get_certificate.sync("generated", client=client).enforcement.progress != "enforced":
    assert time.monotonic() < end, get_certificate.sync("generated", client=client)
page = list_certificates.sync(client=client, endpoint=backend)
assert [(entry.alias, entry.not_after.tzinfo is not None) for entry in page.certificates] == [("generated", True)]

assert delete_certificate.sync_detailed("generated", client=client).status_code == 200
assert delete_api.sync_detailed(api.id, client=client).status_code == 200
answer = get_certificate.sync("generated", client=client)
assert isinstance(answer, models.Problem), answer
assert answer.status == 404
