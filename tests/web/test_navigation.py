"""The side navigation shows each user the pages that they may open, marks the open one, and counts what waits there."""

import re
import uuid
from dataclasses import replace

import pytest
from fastapi.routing import APIRoute

from holdfast.services.access.permissions import ROLES, Role
from holdfast.web import create_door, navigation
from holdfast.web.navigation import ENTRIES

MENU = re.compile(r'<nav class="main-menu" aria-label="Main">(.*?)</nav>', re.DOTALL)
CURRENT = re.compile(r'href="([^"]+)" aria-current=page')


def read_menu(page: str) -> str:
    match = MENU.search(page)
    assert match
    return match[1]


@pytest.mark.parametrize("role", Role)
def test_every_entry_opens_its_page_and_is_marked_there(enlist, sign_in, role):
    visitor = sign_in(enlist(str(uuid.uuid4()), str(uuid.uuid4()), role))
    for entry in ENTRIES:
        answer = visitor.get(entry.path)
        if entry.permission is None or entry.permission in ROLES[role]:
            assert answer.status_code == 200, entry
            assert CURRENT.findall(read_menu(answer.text)) == [entry.path]
        else:
            assert answer.status_code == 403, entry
            assert f'href="{entry.path}"' not in read_menu(answer.text)


def test_a_count_above_zero_becomes_a_badge(client, monkeypatch):
    numbers = iter((1200, 0))
    entry = replace(ENTRIES[0], count=lambda *_: next(numbers))
    monkeypatch.setattr(navigation, "ENTRIES", (entry,))
    badge = '<span class="badge-count" data-badge="home" {}>{}</span>'
    assert badge.format("", "1,200") in read_menu(client.get("/failures").text)
    assert badge.format("hidden", "0") in read_menu(client.get("/failures").text)


def test_no_page_has_the_address_of_an_object_with_a_chosen_name(shared_runtime):
    routes = [route for route in create_door(shared_runtime).routes if isinstance(route, APIRoute)]
    pages = [route for route in routes if not route.path.endswith("}")]
    hidden = {
        route.path: page.path
        for route in routes
        for page in pages
        if route.path.endswith("}") and route.methods & page.methods and route.path_regex.match(page.path)
    }
    assert hidden.keys() == {"/apis/{api_id}"}, hidden  # the IDs of APIs are UUIDs
