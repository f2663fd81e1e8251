"""A full disk while Holdfast runs: changes are refused, nothing is half saved, and it recovers."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends import Backend
from issuing import issue
from running import Holdfast

pytestmark = pytest.mark.envoy
FULL = "The disk that Holdfast stores its data on is full, so nothing was saved."
IDENTITY = issue("127.0.0.1")


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """Let a process write no file beyond its first 512 bytes; its log is such a file, too."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (512, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


def test_changes_are_answered_with_507_and_work_again_once_there_is_space(tmp_path: Path):
    with Backend(IDENTITY) as backend, Holdfast(tmp_path) as holdfast, holdfast.browser() as browser:
        url = backend.url()
        api = holdfast.publish_api(url)
        form, files = {"alias": "backend", "endpoint": url}, {"certificate": ("backend.crt", IDENTITY.pem)}
        with full_disk(holdfast.pid):
            for _ in range(3):  # more than one line of the log
                answer = holdfast.rest.post("/endpoint-certificates", data=form, files=files)
                assert (answer.status_code, answer.json()["type"]) == (507, "/problems/storage-full")
                assert answer.json()["description"].startswith(FULL)
                assert str(tmp_path) not in answer.text
            # The first of these creates the sealing key, which is a separate file.
            gateway = issue("gateway")
            identity = {"certificate": ("identity.pem", gateway.key_pem + gateway.pem)}
            where = {"endpoint": url}
            answer = holdfast.rest.put("/endpoints/client-certificate", params=where, files=identity)
            assert (answer.status_code, answer.json()["type"]) == (507, "/problems/storage-full")
            page = browser.post("/sign-in", data={"name": "admin", "password": holdfast.admin_password})
            assert (page.status_code, FULL in page.text) == (507, True)
            assert str(tmp_path) not in page.text
            assert holdfast.rest.get("/endpoint-certificates").json()["count"] == 0
            assert holdfast.call(api.path).status_code == 503  # the gateway keeps serving, without new trust
        holdfast.import_certificate(url, IDENTITY.pem, "backend")
        assert holdfast.call(api.path).status_code == 200
        holdfast.present(url, gateway.key_pem + gateway.pem)
