"""Rotation, undo, deletion and restoring of a certificate, as callers notice them."""

import pytest

from backends import Backend
from issuing import issue
from load import Load
from running import Holdfast, refusal, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"
NOT_TRUSTED = "503 backend_not_trusted"


def change(holdfast: Holdfast, alias: str, action: str) -> None:
    """Undo the replacement of *alias*, or retire its previous certificates, and wait until it is enforced."""
    answer = holdfast.rest.post(f"/endpoint-certificates/{alias}/{action}")
    assert answer.is_success, answer.text
    holdfast.wait_until_enforced(alias)


def restore(holdfast: Holdfast, alias: str) -> None:
    """Restore what was removed last of *alias*, and wait until it is enforced."""
    entries = holdfast.rest.get("/removed-endpoint-certificates").json()["list"]
    removed_id = next(entry["id"] for entry in entries if entry["alias"] == alias)
    answer = holdfast.rest.post(f"/removed-endpoint-certificates/{removed_id}/restore")
    assert answer.is_success, answer.text
    holdfast.wait_until_enforced(alias)


def test_a_rotation_with_overlap_under_load_fails_no_request_and_ends_the_old(holdfast: Holdfast):
    old, new = issue(HOST), issue(HOST)
    with Backend(old) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), old.pem)
        with Load(holdfast, api.path) as load:
            holdfast.replace_certificate(alias, new.pem, keep=True)
            load.go_on(100)
            backend.present(new)
            load.go_on(100)
            change(holdfast, alias, "retire")
            load.go_on(200)
        assert set(load.answers) == {"200"}, load.answers
    with Backend(old) as backend:  # an attacker who has the old key
        other = holdfast.publish_api(backend.url())
        holdfast.import_certificate(backend.url(), old.pem, f"{alias}-2")
        holdfast.replace_certificate(f"{alias}-2", new.pem, keep=True)
        assert holdfast.call(other.path).status_code == 200
        change(holdfast, f"{alias}-2", "retire")
        assert refusal(holdfast.call(other.path)) == NOT_TRUSTED


def test_rotations_of_a_private_ca_under_load_fail_no_request(holdfast: Holdfast):
    root = issue(ca=True, common_name="root 0")
    with Backend(issue(HOST, by=root)) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), root.pem)
        with Load(holdfast, api.path) as load:
            for number in range(1, 4):
                root = issue(ca=True, common_name=f"root {number}")
                holdfast.replace_certificate(alias, root.pem, keep=True)
                load.go_on()
                backend.present(issue(HOST, by=root))
                load.go_on()
                change(holdfast, alias, "retire")
                load.go_on()
        assert set(load.answers) == {"200"}, load.answers


def test_undo_restores_the_old_certificate_and_revokes_trust_in_the_new_one(holdfast: Holdfast):
    old, new = issue(HOST), issue(HOST)
    with Backend(old) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), old.pem)
        holdfast.replace_certificate(alias, new.pem)
        assert refusal(holdfast.call(api.path)) == NOT_TRUSTED
        change(holdfast, alias, "undo")
        assert holdfast.call(api.path).status_code == 200
        holdfast.replace_certificate(alias, new.pem, keep=True)
        backend.present(new)
        change(holdfast, alias, "undo")
        assert refusal(holdfast.call(api.path)) == NOT_TRUSTED
        restore(holdfast, alias)  # together with the old one, which is current
        assert holdfast.call(api.path).status_code == 200


def test_undo_under_load_while_the_backend_never_changed_fails_no_request(holdfast: Holdfast):
    old, new = issue(HOST), issue(HOST)
    with Backend(old) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), old.pem)
        with Load(holdfast, api.path) as load:
            for _ in range(5):
                holdfast.replace_certificate(alias, new.pem, keep=True)
                load.go_on()
                change(holdfast, alias, "undo")
                load.go_on()
        assert set(load.answers) == {"200"}, load.answers


def test_a_deleted_certificate_is_restored_and_calls_work_again(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), identity.pem)
        assert holdfast.call(api.path).status_code == 200
        holdfast.delete_certificate(alias)
        wait_until(lambda: holdfast.call(api.path).status_code == 503)
        assert refusal(holdfast.call(api.path)) == NOT_TRUSTED
        restore(holdfast, alias)
        assert holdfast.call(api.path).status_code == 200


def test_an_overlap_survives_a_power_cut(tmp_path):
    old, new = issue(HOST), issue(HOST)
    with Holdfast(tmp_path) as holdfast, Backend(old) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), old.pem)
        holdfast.replace_certificate(alias, new.pem, keep=True)
        holdfast.kill()
        holdfast.start()
        wait_until(lambda: holdfast.answers(api))
        assert holdfast.call(api.path).status_code == 200
        backend.present(new)
        assert holdfast.call(api.path).status_code == 200
