"""Pages enable exactly what each role permits: follows every link and presses every button."""

import functools
import re
import uuid
from pathlib import Path

import pytest

from holdfast.services.access.permissions import Permission, Role
from issuing import issue
from rest.calls import URL
from rest.operations import House
from web.crawling import Sent, crawl

pytestmark = pytest.mark.sqlite(reason="about permissions; test_one_state.py reads each page there")

NEW = issue("pizza.test")
TEMPLATES = Path(__file__).parents[2] / "src/holdfast/web/templates"
# These are about the visitor's own account, so they differ between visitors.
OWN = ("/account", "/tokens", "/sign-out")
# Requests that forms send while they are filled in; they change nothing.
ASKED = ("/certificates/inspect", "/certificates/fetch", "/certificates/test", "/preview")
FINAL = ("/discard", "/remove", "/retire", "/undo", "/restore", "/delete", "/password")


@pytest.fixture(scope="module")
def enter(shared_runtime, enlist, sign_in):
    """Create an organization with every kind of object, and clients of its admin and of a user with each role."""

    def enter(*roles):
        organization, name = str(uuid.uuid4()), str(uuid.uuid4())
        admin, clara, visitor = (enlist(organization, f"{each} {name}", Role.ADMIN) for each in ("admin", "clara", "x"))
        owner = sign_in(admin)
        house = House(shared_runtime, owner, clara)
        visitors = {role: sign_in(enlist(organization, f"visiting {role} {name}", role)) for role in roles}
        for visitor in visitors.values():
            house.owned_by(visitor)
        return house, owner, visitors

    return enter


def offered(pages) -> set[Sent]:
    return {sent for offer in pages.values() for sent in offer.sends}


def press(client, sent: Sent) -> int:
    """Send the request of a button, with a certificate if the form needs one."""
    uploaded = {"pem": NEW.pem, "alias": "another", "endpoint": URL} if "/certificates/" in sent.path else {}
    return client.post(sent.path, data=dict(sent.fields) | uploaded).status_code


def in_order(sends) -> list[Sent]:
    """Sort requests so that those that break others come last: certificates, the API, the visitor's session."""

    def takes_away(sent):
        path = sent.path.partition("?")[0]
        deletes_api = re.fullmatch(r"/apis/[^/]+/delete", path) is not None
        return path.startswith(OWN), deletes_api, path.endswith(FINAL), sent.path, sent.fields

    return sorted(sends, key=takes_away)


@pytest.fixture(scope="module")
def organization(enter):
    """An organization with users of every role, and the pages that its admin sees."""
    house, owner, visitors = enter(*Role)
    starts = ("/apis", f"/apis/{house.ids['api_id']}/endpoints?certificates", "/account")
    return starts, visitors, crawl(owner, *starts)[0]


@pytest.fixture(scope="module")
def visit(organization):
    """Crawl as a user with a role; return the client and what crawl returns."""
    starts, visitors, _ = organization
    return functools.cache(lambda role: (visitors[role], *crawl(visitors[role], *starts)))


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.long
def test_every_link_works_and_exactly_the_permitted_buttons_are_enabled(organization, visit, save, role):
    *_, everything = organization
    visitor, pages, others = visit(role)
    assert {path: status for path, status in others.items() if status not in {200, 303}} == {}
    assert len(pages) > 10
    assert {path: offer.loose_times for path, offer in pages.items() if offer.loose_times} == {}
    can, could = offered(pages), offered(everything)
    known = {sent.path for sent in can}
    beyond = {sent for sent in could if sent.path not in known and not sent.path.startswith(OWN)}
    beyond = {sent for sent in beyond if not sent.path.partition("?")[0].endswith(ASKED)}
    put_back = save()
    refused = {sent for sent in beyond if press(visitor, sent) == 403}
    statuses = {sent: press(visitor, sent) for sent in in_order(can)}
    put_back()
    assert beyond - refused == set(), "these are not offered, and permitted"
    assert len(could) > 25
    assert (beyond == set()) == (role is Role.ADMIN)
    assert {sent: status for sent, status in statuses.items() if status == 403 or status >= 500} == {}


@pytest.mark.parametrize("role", list(Role))
def test_disabled_buttons_have_a_reason(visit, role):
    _, pages, _ = visit(role)
    said = {path: offer for path, offer in pages.items() if offer.reasons}
    assert bool(said) == (role is not Role.ADMIN)
    for path, offer in said.items():
        assert all("not-permitted" in reason.split() for reason in offer.reasons), path
        assert {each for reason in offer.reasons for each in reason.split()} <= offer.ids, path


def test_a_viewer_sees_the_same_controls_as_an_admin(enter):
    """A viewer sees the controls of an admin, disabled, except for pages about users and buttons of failures."""
    house, owner, visitors = enter(Role.VIEWER)
    visitor = visitors[Role.VIEWER]
    path = f"/apis/{house.ids['api_id']}/endpoints?certificates"
    labels = re.compile(r"(?:aria-label=\"|</svg>)([A-Z][A-Za-z ]+)")
    assert set(labels.findall(owner.get(path).text)) - {"Users"} <= set(labels.findall(visitor.get(path).text))


def test_templates_use_existing_permissions():
    texts = [path.read_text() for path in TEMPLATES.rglob("*.html")]
    named = {name for text in texts for name in re.findall(r"(?:user\.may|control)\(['\"]([a-z_]+)['\"]", text)}
    assert len(named) > 8
    assert named <= set(Permission)
