"""An API imported from an archive is served, and its backend is trusted because of certificates in the archive."""

import pytest

from backends import Backend
from issuing import issue
from running import Holdfast, refusal, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"


def test_an_imported_api_is_served_with_its_own_trust(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_api(backend.url())
        wait_until(lambda: refusal(holdfast.call(api.path)) == "503 backend_not_trusted")
        alias = holdfast.import_certificate(backend.url(), identity.pem)
        archive = holdfast.rest.get("/apis/export", params={"apiId": api.id}).content
        holdfast.delete_api(api)
        holdfast.delete_certificate(alias)
        wait_until(lambda: not holdfast.answers(api))

        response = holdfast.rest.post("/apis/import", files={"file": ("api.zip", archive)})
        assert response.status_code == 200, response.text
        wait_until(lambda: holdfast.answers(api))
        holdfast.wait_until_enforced(alias)
        wait_until(lambda: holdfast.call(api.path).status_code == 200)


def test_a_question_without_a_body_has_an_answer_without_one(holdfast: Holdfast):
    api = holdfast.create_api()
    for name, status in ((api.name, 200), ("nobody", 404)):
        response = holdfast.rest.head("/apis/validate", params={"query": f"name:{name}"})
        assert (response.status_code, response.content) == (status, b"")
    assert holdfast.rest.get(f"/apis/{api.id}").headers["etag"]
