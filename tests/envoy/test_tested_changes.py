"""
A test before saving says whether the uploaded certificate is what makes the gateway accept the backend, and is right.

Every change is tested and then saved: the gateway does as the test said.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backends import V4, Backend
from issuing import issue
from running import Holdfast, PublishedApi

pytestmark = pytest.mark.envoy
OLD, NEW, UNRELATED = (issue(V4, common_name=name) for name in ("old", "new", "unrelated"))
ROOT = issue(ca=True, common_name="other root")
IDENTITIES = {"new": NEW, "old": OLD, "other": issue(V4, by=ROOT), "unrelated": UNRELATED}
CHANGES = ["add", "replace", "replace and keep"]
BY_UPLOAD, ANYWAY, REJECTED = "accepted_by_upload", "accepted_anyway", "rejected"
EXPECTED = {
    ("add", "new"): BY_UPLOAD,
    ("add", "old"): (ANYWAY, "own", False),
    ("add", "other"): (ANYWAY, "other", False),
    ("add", "unrelated"): REJECTED,
    ("replace", "new"): BY_UPLOAD,
    ("replace", "old"): REJECTED,
    ("replace", "other"): (ANYWAY, "other", False),
    ("replace", "unrelated"): REJECTED,
    ("replace and keep", "new"): BY_UPLOAD,
    ("replace and keep", "old"): (ANYWAY, "own", True),
    ("replace and keep", "other"): (ANYWAY, "other", False),
    ("replace and keep", "unrelated"): REJECTED,
}


class Place:
    """A backend, its API, and two certificates trusted for it: `own`, which is replaced, and `other`."""

    def __init__(self, holdfast: Holdfast, backend: Backend) -> None:
        self.holdfast, self.backend = holdfast, backend
        self.api: PublishedApi = holdfast.publish_api(backend.url())
        self.own = holdfast.import_certificate(backend.url(), OLD.pem)
        self.other = holdfast.import_certificate(backend.url(), ROOT.pem)

    def test(self, change: str = "add", data: bytes | None = NEW.pem) -> dict[str, Any]:
        """The verdict on a change that isn't saved."""
        fields = {} if change == "add" else {"alias": self.own}
        if change == "replace and keep":
            fields["keepPrevious"] = "true"
        parts: dict[str, Any] = {"endpoint": (None, self.backend.url())}
        parts |= {name: (None, value) for name, value in fields.items()}
        if data is not None:
            parts["certificate"] = ("new.pem", data)
        answer = self.holdfast.rest.post("/endpoints/probe", files=parts)
        assert answer.status_code == 200, answer.text
        verdict: dict[str, Any] = answer.json()["verdict"]
        return verdict

    def save(self, change: str) -> None:
        if change == "add":
            self.holdfast.import_certificate(self.backend.url(), NEW.pem)
        else:
            self.holdfast.replace_certificate(self.own, NEW.pem, keep=change.endswith("keep"))

    def serves(self) -> bool:
        """Whether traffic reaches the backend."""
        answer = self.holdfast.call(self.api.path)
        assert answer.status_code in (200, 503), answer.text
        return answer.is_success


@pytest.fixture
def place(holdfast: Holdfast) -> Iterator[Place]:
    with Backend(OLD) as backend:
        yield Place(holdfast, backend)


@pytest.mark.parametrize("change", CHANGES)
def test_a_test_says_why_a_backend_is_accepted_and_saving_does_as_it_said(place: Place, change: str):
    is_accepted: dict[str, bool] = {}
    for name, identity in IDENTITIES.items():
        place.backend.present(identity)
        verdict = place.test(change)
        is_accepted[name] = verdict["accepted"]
        expected = EXPECTED[change, name]
        if isinstance(expected, str):
            assert (verdict["result"], verdict["because"]) == (expected, []), (change, name)
        else:
            result, alias, previous = expected
            because = {"kind": "endpoint_certificate", "alias": getattr(place, alias), "previous": previous}
            assert (verdict["result"], verdict["because"]) == (result, [because]), (change, name)
            assert because["alias"] in verdict["message"]
        assert verdict["replacedStillPresented"] is ((change, name) == ("replace", "old"))
        assert bool(verdict["code"]) is (expected == REJECTED)
    place.save(change)
    for name, identity in IDENTITIES.items():
        place.backend.present(identity)
        assert place.test(data=None)["accepted"] is is_accepted[name]
    assert place.serves() is is_accepted["unrelated"]


def test_the_same_certificate_again_is_not_what_makes_a_backend_accepted(place: Place):
    verdict = place.test(data=OLD.pem)
    assert (verdict["result"], [entry["alias"] for entry in verdict["because"]]) == (ANYWAY, [place.own])


def test_without_a_file_the_test_says_what_is_trusted_now(place: Place):
    verdict = place.test(data=None)
    assert (verdict["result"], [entry["alias"] for entry in verdict["because"]]) == ("accepted", [place.own])


def test_verification_turned_off_is_given_as_the_reason(holdfast: Holdfast, place: Place):
    ends = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    body = {"reason": "the certificate is renewed", "until": ends.isoformat()}
    where = {"endpoint": place.backend.url()}
    assert holdfast.rest.put("/endpoints/trust-exception", params=where, json=body).status_code == 200
    place.backend.present(UNRELATED)
    for change in CHANGES:
        verdict = place.test(change)
        assert (verdict["accepted"], verdict["result"]) == (True, ANYWAY)
        assert verdict["because"] == [{"kind": "exception", "until": ends.isoformat()}]
        assert "verification is off until" in verdict["message"]


def test_imported_certificates_make_no_difference_where_only_public_roots_are_trusted(holdfast: Holdfast, place: Place):
    holdfast.decide(place.backend.url(), anchors="public")
    place.backend.present(NEW)
    assert [place.test(change)["result"] for change in CHANGES] == [REJECTED] * 3
