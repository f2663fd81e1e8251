"""Messages: the forms for mails, webhooks, Slack and PagerDuty, whatever names contain."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from holdfast.apis.errors import InvalidField
from holdfast.apis.notifications.event import EventKind, EventSeverity, Notification, Phase, Wording
from holdfast.apis.notifications.message import (
    Message,
    escape_mrkdwn,
    write_mail,
    write_pagerduty,
    write_slack,
    write_webhook,
)
from holdfast.apis.notifications.owners import check_owners, find_addresses, is_address

NOW = datetime(2026, 11, 29, tzinfo=UTC)
WORDING = Wording("Requests fail: Orders", "It has expired.", "Renew it.", "/apis/1")
FAILING = Notification(
    "default", NOW, "backend_failure:1", EventKind.BACKEND_FAILURE, Phase.BEGAN, EventSeverity.CRITICAL, WORDING
)


def make_message(*notifications, total=0):
    counts = {"backend_failure.began": total or len(notifications)}
    return Message("m-1", "default", NOW, notifications, counts, "https://holdfast.example")


def make_notification(title):
    return replace(FAILING, wording=replace(WORDING, title=title))


def test_a_mail_says_what_happened_what_to_do_and_where():
    subject, text = write_mail(make_message(FAILING))
    assert subject == "[Holdfast] Requests fail: Orders"
    assert text.startswith(
        "Critical: Requests fail: Orders\nIt has expired.\nRenew it.\nhttps://holdfast.example/apis/1\n"
    )


def test_notifications_beyond_the_limit_are_counted():
    subject, text = write_mail(make_message(FAILING, total=5000))
    assert subject.endswith("and 4,999 other notifications")
    assert "4,999 more aren't listed. In all: 5,000 backend_failure.began." in text
    assert write_webhook(make_message(FAILING, total=5000))["total"] == 5000


def test_a_name_adds_no_line_to_a_mail():
    subject, text = write_mail(make_message(make_notification("a\r\nBcc: x@example.com\u2028b")))
    assert "\n" not in subject
    assert "\r" not in subject
    assert text.startswith("Critical: a Bcc: x@example.com b\n")
    assert len(write_mail(make_message(make_notification("x" * 500)))[0]) < 220


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!channel> a & b", "&lt;!channel&gt; a &amp; b"),
        ("<https://evil.test|click>", "&lt;https://evil.test|click&gt;"),
        ("orders_v2_live", "orders_v2_live"),
        ("*bold* ~no~ `code`", "*\u200bbold*\u200b ~\u200bno~\u200b `\u200bcode`\u200b"),
        ("_it_", "_\u200bit_\u200b"),
        ("@here", "@\u200bhere"),
        ("a\nb", "a b"),
    ],
)
def test_nothing_in_a_slack_message_has_a_meaning(text, expected):
    assert escape_mrkdwn(text) == expected


def test_a_title_cannot_end_the_link_of_a_slack_message():
    text = write_slack(make_message(make_notification("a|b> <!here>")))["text"]
    assert text.splitlines()[0] == "Critical: <https://holdfast.example/apis/1|a¦b&gt; &lt;!here&gt;>"


def test_an_incident_begins_and_ends_with_the_same_key():
    end = replace(FAILING, phase=Phase.ENDED, severity=EventSeverity.INFO)
    began, over = write_pagerduty(make_message(FAILING, end), "key")
    assert (began["event_action"], over["event_action"]) == ("trigger", "resolve")
    assert began["dedup_key"] == over["dedup_key"]
    assert began["payload"]["severity"] == "critical"
    of_others = write_pagerduty(make_message(replace(FAILING, organization="other")), "key")[0]
    assert of_others["dedup_key"] != began["dedup_key"]


def test_many_events_are_one_incident():
    (group,) = write_pagerduty(make_message(*[FAILING] * 50, total=5000), "key")
    assert group["dedup_key"] == "m-1"
    assert write_pagerduty(make_message(*[replace(FAILING, phase=Phase.ENDED)] * 50, total=50), "key") == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b\n",
        "a b@c.test",
        "a@b@c.test",
        '"a b"@c.test',
        "a@-b.test",
        "a..b@c.test",
        "a@b.test,c@d",
    ],
)
def test_only_plain_addresses_are_accepted(address):
    assert not is_address(address)


def test_an_owner_is_an_address_a_user_or_a_channel():
    for owner in ("team", "user:", "channel:", "group:x", "team@example.com, x@example.com"):
        with pytest.raises(InvalidField):
            check_owners([owner])


def test_users_have_the_address_that_is_their_name():
    owners = check_owners(
        ["user:anna@example.com", " channel:ops ", "user:otto", "team@example.com", "team@example.com"]
    )
    assert owners == ("user:anna@example.com", "channel:ops", "user:otto", "team@example.com")
    assert find_addresses(owners) == ["anna@example.com", "team@example.com"]
