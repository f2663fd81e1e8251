"""A calendar of what expires, read by its own address, as an independent parser (icalendar) understands it."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import icalendar
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from holdfast.server.middleware.request_ids import RequestIds
from holdfast.services.access.permissions import Role
from holdfast.services.watch.ical import Event, fold, write_calendar
from holdfast.store.tables import TokenRow
from holdfast.web.watch.calendar import BURST
from issuing import DAY, issue
from rest.calls import PREFIX, create_api, upload
from store.values import read
from watching import observe

NOW = datetime(2026, 11, 29, 5, tzinfo=UTC)
ODD = 'Pizza; "Pasta", \\n and more\nlines 🍕 ' + "ü" * 80


def create(client):
    """Create a feed; return its path."""
    page = client.post("/expiry/calendar").text
    return re.search(r"/calendar/hfc_[\w-]+\.ics", page)[0]


@pytest.fixture
def visitor(connect, shared_runtime, berta):
    """A client that nobody has signed in with."""
    return connect(shared_runtime, client=(f"feeds of {berta.organization}", 50000))


def test_the_feed_has_an_event_for_each_certificate_and_its_identifiers_stay(client, visitor, shared_runtime, berta):
    create_api(client)
    upload(client, issue("pizza.test", end=40 * DAY).pem, "pizza-backend")
    odd = issue("pizza.test", common_name="a, b; c\\d", end=50 * DAY)
    observe(shared_runtime.store, berta.organization, "https://pizza.test:8443", [read(odd)], shared_runtime.now())
    path = create(client)
    answer = visitor.get(path)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert [str(event["summary"]) for event in events[:2]] == [
        "Trusted certificate expires: pizza-backend",
        "Backend's certificate expires: https://pizza.test:8443",
    ]
    assert events[0].decoded("dtstart") == (read(odd).not_after - timedelta(days=10)).date()
    assert "presents a, b; c\\d, issued by" in str(events[1]["description"])
    assert "ends" in str(events[2]["summary"])  # of the feed itself
    again = icalendar.Calendar.from_ical(visitor.get(path).content).walk("VEVENT")
    assert [event["uid"] for event in again] == [event["uid"] for event in events]
    assert len({event["uid"] for event in events}) == 3


@pytest.mark.parametrize("text", [ODD, "x" * 75, "ü" * 200, "\r\nBEGIN:VEVENT\r\n", "a\x00\x07b"])
def test_every_text_survives_escaping_and_lines_are_short(text):
    data = write_calendar(text, [Event("1@holdfast", NOW.date(), text, text, "https://a.test/?a=1")], NOW)
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")
    (event,) = icalendar.Calendar.from_ical(data).walk("VEVENT")
    readable_text = "".join(
        character for character in text.replace("\r\n", "\n") if character == "\n" or character.isprintable()
    )
    assert str(event["summary"]) == str(event["description"]) == readable_text


def test_folding_splits_no_character():
    *lines, end = fold("ü" * 100).split(b"\r\n")
    assert all(line.decode() for line in lines)
    assert not end


def test_an_address_ends_when_it_is_replaced_or_revoked(client, visitor):
    first = create(client)
    second = create(client)
    assert (visitor.get(first).status_code, visitor.get(second).status_code) == (404, 200)
    assert client.post("/expiry/calendar/revoke").status_code == 303
    assert visitor.get(second).status_code == 404
    assert client.post("/expiry/calendar/revoke").status_code == 404


def test_an_address_ends_for_good_when_its_user_is_disabled_or_deleted(client, visitor, enlist, berta, sign_in):
    user = enlist(berta.organization, f"dora of {berta.organization}", Role.VIEWER)
    path = create(sign_in(user))
    assert visitor.get(path).status_code == 200
    for is_disabled in (True, False):
        assert client.put(f"{PREFIX}/users/{user.name}", json={"disabled": is_disabled}).status_code == 200
        assert visitor.get(path).status_code == 404
    another = create(sign_in(user))
    assert client.delete(f"{PREFIX}/users/{user.name}").status_code == 204
    assert visitor.get(another).status_code == 404


def test_the_secret_of_a_feed_opens_nothing_else_and_is_not_stored(client, visitor, shared_runtime, berta):
    secret = create(client).removeprefix("/calendar/").removesuffix(".ics")
    headers = {"Authorization": f"Bearer {secret}"}
    assert visitor.get(f"{PREFIX}/apis", headers=headers).status_code == 401
    with shared_runtime.store.read() as session:
        rows = session.scalars(select(TokenRow).where(TokenRow.organization_id == berta.organization)).all()
    assert [row.kind for row in rows] == ["calendar"]
    assert secret not in repr([vars(row) for row in rows])
    assert client.get(f"{PREFIX}/tokens").json()["list"] == []  # they are personal


def test_a_feed_is_read_a_limited_number_of_times(client, visitor):
    path = create(client)
    answers = [visitor.get(path) for _ in range(int(BURST) + 1)]
    assert [answer.status_code for answer in answers] == [200] * int(BURST) + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


def test_logs_do_not_contain_the_address_of_a_feed():
    async def fail(*_):
        raise RuntimeError("broken")

    async def answer(*_):
        return fail_quietly

    async def fail_quietly(*_):
        return None

    with capture_logs() as logs:
        scope = {"type": "http", "method": "GET", "path": "/calendar/hfc_secret.ics"}
        asyncio.run(RequestIds(fail, answer)(scope, None, None))
    assert logs
    assert "hfc_secret" not in repr(logs)
