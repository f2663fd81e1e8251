"""Admins of the default organization see problems of Holdfast's own certificates on every page."""

from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.network.server_certificates import ServerCertificate
from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.access.permissions import Role

DAY = timedelta(days=1)


def certificate(now, *, begin=-DAY, end=90 * DAY, problem=""):
    return ServerCertificate("publisher", now + begin, now + end, problem)


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ({}, ""),
        ({"end": 20 * DAY}, "The publisher's certificate expires on "),
        ({"begin": -2 * DAY, "end": -DAY}, "clients that verify it can't connect."),
        ({"begin": DAY}, "The publisher's certificate isn't valid before "),
        ({"problem": "There is no file /secret/place."}, "The previous one stays in use until "),
    ],
)
def test_each_problem_is_one_sentence_without_file_names(clock, problem, sentence):
    warning = certificate(clock(), **problem).write_warning(clock())
    assert sentence in warning
    assert bool(warning) == bool(sentence)
    assert "/secret" not in warning


def test_a_missing_certificate_is_a_warning(clock):
    warning = ServerCertificate("gateway", None, None, "There is no file x.").write_warning(clock())
    assert warning == "The gateway's certificate can't be used, so the gateway doesn't serve https."


@pytest.mark.long
def test_only_admins_of_the_default_organization_see_warnings_on_every_page(shared_runtime, connect, enlist):
    expiring = certificate(shared_runtime.now(), end=20 * DAY)
    runtime = replace(shared_runtime, server_certificates=lambda _: [expiring])
    client = connect(runtime)
    for organization, role, sees in (
        (DEFAULT_ORGANIZATION, Role.ADMIN, True),
        (DEFAULT_ORGANIZATION, Role.VIEWER, False),
        ("another organization", Role.ADMIN, False),
    ):
        user = enlist(organization, f"{role} of {organization}", role)
        client.cookies.set(SESSION_COOKIE, runtime.accounts.start_session(user, runtime.now()))
        for page in ("/apis", "/account", "/nothing/there"):
            assert (expiring.write_warning(runtime.now()) in unescape(client.get(page).text)) == sees
