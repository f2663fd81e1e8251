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
from web.crawling import ButtonRequest, crawl

pytestmark = [pytest.mark.sqlite(reason="about permissions; test_one_state.py reads each page there"), pytest.mark.long]

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
        admin, clara, visitor = (enlist(organization, f"{user} {name}", Role.ADMIN) for user in ("admin", "clara", "x"))
        owner = sign_in(admin)
        house = House(shared_runtime, owner, clara)
        visitors = {role: sign_in(enlist(organization, f"visiting {role} {name}", role)) for role in roles}
        for visitor in visitors.values():
            house.owned_by(visitor)
        return house, owner, visitors

    return enter


def list_offered(pages) -> set[ButtonRequest]:
    return {form for offer in pages.values() for form in offer.sends}


def press(client, form: ButtonRequest) -> int:
    """Send the request of a button, with a certificate if the form needs one."""
    takes_certificate = re.search("/certificates/|/new-certificate$", form.path)
    values = {"pem": NEW.pem, "alias": "another", "endpoint": URL} if takes_certificate else {}
    return client.post(form.path, data=dict(form.fields) | values).status_code


def in_order(sends) -> list[ButtonRequest]:
    """Sort requests so that those that break others come last: certificates, the API, the visitor's session."""

    def takes_away(form):
        path = form.path.partition("?")[0]
        deletes_api = re.fullmatch(r"/apis/[^/]+/delete", path) is not None
        return path.startswith(OWN), deletes_api, path.endswith(FINAL), form.path, form.fields

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
def test_every_link_works_and_exactly_the_permitted_buttons_are_enabled(organization, visit, save, role):
    *_, everything = organization
    visitor, pages, others = visit(role)
    assert {path: status for path, status in others.items() if status not in {200, 303}} == {}
    assert len(pages) > 10
    assert {path: offer.loose_times for path, offer in pages.items() if offer.loose_times} == {}
    can, could = list_offered(pages), list_offered(everything)
    paths = {form.path for form in can}
    beyond = {form for form in could if form.path not in paths and not form.path.startswith(OWN)}
    beyond = {form for form in beyond if not form.path.partition("?")[0].endswith(ASKED)}
    put_back = save()
    refusals = {form for form in beyond if press(visitor, form) == 403}
    statuses = {form: press(visitor, form) for form in in_order(can)}
    put_back()
    assert beyond - refusals == set(), "these are not offered, and permitted"
    assert len(could) > 25
    assert (beyond == set()) == (role is Role.ADMIN)
    assert {form: status for form, status in statuses.items() if status == 403 or status >= 500} == {}


@pytest.mark.parametrize("role", list(Role))
def test_disabled_buttons_have_a_reason(visit, role):
    _, pages, _ = visit(role)
    offers = {path: offer for path, offer in pages.items() if offer.reasons}
    assert bool(offers) == (role is not Role.ADMIN)
    for path, offer in offers.items():
        assert all("not-permitted" in reason.split() for reason in offer.reasons), path
        assert {part for reason in offer.reasons for part in reason.split()} <= offer.ids, path


def test_a_viewer_sees_the_same_controls_as_an_admin(enter):
    """A viewer sees the controls of an admin, disabled, except for pages about users and buttons of failures."""
    house, owner, visitors = enter(Role.VIEWER)
    visitor = visitors[Role.VIEWER]
    path = f"/apis/{house.ids['api_id']}/endpoints?certificates"
    labels = re.compile(r"(?:aria-label=\"|</svg>)([A-Z][A-Za-z ]+)")
    assert set(labels.findall(owner.get(path).text)) - {"Users"} <= set(labels.findall(visitor.get(path).text))


def test_templates_use_existing_permissions():
    texts = [path.read_text() for path in TEMPLATES.rglob("*.html")]
    names = {name for text in texts for name in re.findall(r"(?:user\.may|control)\(['\"]([a-z_]+)['\"]", text)}
    assert len(names) > 8
    assert names <= set(Permission)
