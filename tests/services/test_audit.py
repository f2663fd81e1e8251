"""The audit log: its actions, and the details of each, as JSON and as text."""

import ast
import dataclasses
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import get_args

import pytest

import holdfast
from holdfast.apis.catalog.endpoint_security import EndpointSecurity, SealedSecret, SecurityKind
from holdfast.apis.catalog.security_members import summarize_security
from holdfast.apis.catalog.token_settings import Grant, TokenSettings
from holdfast.apis.trust.trust_settings import TrustSettings
from holdfast.services.access.audit import describe_details, write_down
from holdfast.services.access.audit_objects import ACTIONS, list_changes
from holdfast.services.access.principal import Principal
from holdfast.services.trust.trust_settings import compare_settings
from holdfast.store import audit, audit_of_users, journal
from holdfast.store.access import accounts
from holdfast.store.audit import Action, ChangedSetting, EndpointUse
from holdfast.store.journal import AuditEvent

SOURCES = Path(holdfast.__path__[0])
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
URL = "https://pizza.test"
TOKEN = TokenSettings("https://a", "me", (("scope", "b"),), Grant.PASSWORD)
SECRET = SealedSecret("0123456789", b"sealed", "digest")
SECURITY = summarize_security(
    EndpointSecurity(SecurityKind.OAUTH, "anna", allow_unencrypted=True, token=TOKEN, secret=SECRET)
)
SIGNED_IN = (
    f"{URL} (security (type OAUTH, grantType PASSWORD, tokenUrl https://a, clientId me, customParameters (scope b), "
    "username anna, allowUnencrypted yes, secret ID 01234567))"
)
GROUP = {"group": {"kind": "failover", "members": [{"url": "https://b", "weight": 1}], "health_check": None}}
GROUPED = f"{URL} (group (kind failover, members https://b (weight 1)))"
WORDS = [
    (audit.NoDetails(), ""),
    (audit.CertificateFingerprint("aa"), "SHA-256 aa"),
    (audit.CertificateFingerprint(""), "no certificate"),
    (audit.NewJoinToken("Europe", NOW), "group Europe, join token expires 2026-06-01 12:00 UTC"),
    (audit.GatewayCertificateOf("aa", NOW, ""), "SHA-256 aa, expires 2026-06-01 12:00 UTC"),
    (audit.GatewayCertificateOf("aa", NOW, "bb"), "SHA-256 aa, expires 2026-06-01 12:00 UTC, before bb"),
    (audit.CertificatesOf(URL, ("aa", "bb")), f"{URL} SHA-256 aa bb"),
    (audit.CertificatesOf(URL, ("aa",), ("bb",), ("cc",)), f"{URL} SHA-256 aa, previous bb, removed cc"),
    (audit.UnusedTrustRemoval(), "no API uses it"),
    (audit.CertificateRequest(URL, "CN=holdfast", "EC P-256"), f"{URL} CN=holdfast EC P-256"),
    (audit.DiscardedRequest(URL), URL),
    (audit.CallerCertificateOf("partner", "aa"), "partner SHA-256 aa"),
    (audit.CallerCertificateOf("partner", "aa", "bb"), "partner SHA-256 aa, removed bb"),
    (audit.CallerCertificateOf("partner", "aa", "", "Gold", "Bronze"), "partner SHA-256 aa, tier Bronze -> Gold"),
    (audit.ChangedSettings(()), "nothing changed"),
    (
        audit.ChangedSettings((ChangedSetting("names", (), ("a", "b")), ChangedSetting("sni", ("c",), ()))),
        "names: none -> a b; sni: c -> none",
    ),
    (audit.ExceptionGrant(NOW, "Renewal"), "verification is off until 2026-06-01 12:00 UTC: Renewal"),
    (audit.ExceptionEnd(expired=True), "expired; verification is on"),
    (audit.ExceptionEnd(expired=False), "ended early; verification is on"),
    (audit.ApiEndpoints(()), "endpoints none"),
    (
        audit.ApiEndpoints((EndpointUse(URL), EndpointUse(URL), EndpointUse(URL, {"protocol": "http2"}))),
        f"endpoints {URL} and {URL} (protocol http2)",
    ),
    (audit.ApiChange((), (EndpointUse(URL),)), f"endpoints none -> {URL}"),
    (audit.ApiChange((EndpointUse(URL, SECURITY),), (EndpointUse(URL, GROUP),)), f"endpoints {SIGNED_IN} -> {GROUPED}"),
    (audit.ApiChange((), (), requires_certificate=True), "callers need a certificate"),
    (audit.ApiChange((), (), requires_certificate=False), "callers need no certificate"),
    (audit.FailingEnvironment("production"), "production"),
    (
        audit.ApiChange((), (), description=("a", "b"), members=("tags",)),
        "changed description tags",
    ),
    (audit.StateChange("CREATED", "PUBLISHED"), "CREATED -> PUBLISHED"),
    (audit_of_users.UserRoles(("admin", "viewer"), disabled=True), "roles admin viewer, disabled"),
    (audit_of_users.UserRoles((), by_provider=True), "roles none, from the groups at the identity provider"),
    (audit_of_users.NewOrganization("acme"), "organization acme"),
    (audit_of_users.FailedSignIn("page", "refused", 1, several=False), "page: refused"),
    (audit_of_users.FailedSignIn("page", "refused", 3, several=False), "page: refused (3 times)"),
    (
        audit_of_users.FailedSignIn("page", "refused", 1, several=True),
        "page: refused (1 times, from several addresses)",
    ),
    (audit.RevisionOf(3), "revision 3"),
    (audit.RevisionOf(3, ("Default",), (2,), "x"), "revision 3, groups Default, instead of 2: x"),
    (audit_of_users.NewToken(("apim:api_view",), NOW), "apim:api_view, expires 2026-06-01 12:00 UTC"),
    (audit_of_users.TokenEnd(), ""),
    (audit_of_users.TokenEnd(by_itself=True), "signed in with this token"),
    (audit_of_users.NewApplication("ci", ("password",)), "ci: password"),
    (audit.ChannelOf("slack", URL, ("events",)), f"slack {URL}, changed events"),
    (audit.ChannelOf("slack", URL, error="It answered 500."), f"slack {URL}, failed: It answered 500."),
    (audit.SilenceOf("", "gateway:eu-1", "moved", NOW), "gateway:eu-1 until 2026-06-01 12:00 UTC: moved"),
    (audit.BackupOf(with_sealing_key=False), "without the sealing key"),
    (audit.OwnersOf((), ("team@example.com",)), "none -> team@example.com"),
]


@pytest.mark.parametrize(("details", "words"), WORDS, ids=lambda value: type(value).__name__)
def test_details_are_described_as_text(details, words):
    assert describe_details(details) == words


@pytest.mark.parametrize(
    ("action", "details", "changes"),
    [
        (Action.IMPORT_CERTIFICATE, audit.CertificatesOf(URL, ("aa",)), [("certificates", (), ("aa",))]),
        (
            Action.REPLACE_CERTIFICATE,
            audit.CertificatesOf(URL, ("bb",), (), ("aa",)),
            [("certificates", ("aa",), ("bb",))],
        ),
        (
            Action.REPLACE_WITH_OVERLAP,
            audit.CertificatesOf(URL, ("bb",), ("aa",)),
            [("certificates", ("aa",), ("bb",)), ("previous certificates", (), ("aa",))],
        ),
        (
            Action.UNDO_REPLACEMENT,
            audit.CertificatesOf(URL, ("aa",), (), ("bb",)),
            [("certificates", ("bb",), ("aa",))],
        ),
        (
            Action.RETIRE_PREVIOUS,
            audit.CertificatesOf(URL, ("bb",), (), ("aa",)),
            [("certificates", ("bb",), ("bb",)), ("previous certificates", ("aa",), ())],
        ),
        (Action.DELETE_CERTIFICATE, audit.CertificatesOf(URL, ("aa",)), [("certificates", ("aa",), ())]),
        (Action.IMPORT_IDENTITY, audit.CertificatesOf(URL, ("bb",), (), ("aa",)), [("certificates", ("aa",), ("bb",))]),
        (Action.REMOVE_IDENTITY, audit.UnusedTrustRemoval(removed=("aa",)), [("certificates", ("aa",), ())]),
        (
            Action.REPLACE_CALLER,
            audit.CallerCertificateOf("p", "bb", "aa", "Gold", "Bronze"),
            [("alias", ("p",), ("p",)), ("certificate", ("aa",), ("bb",)), ("tier", ("Bronze",), ("Gold",))],
        ),
        (
            Action.DELETE_CALLER,
            audit.CallerCertificateOf("p", "aa", tier="Gold"),
            [("alias", ("p",), ()), ("certificate", ("aa",), ()), ("tier", ("Gold",), ())],
        ),
        (
            Action.GRANT_EXCEPTION,
            audit.ExceptionGrant(NOW, "Renewal"),
            [("verification off until", (), ("2026-06-01 12:00 UTC",)), ("reason", (), ("Renewal",))],
        ),
        (
            Action.END_EXCEPTION,
            audit.ExceptionEnd(expired=True, until=NOW, reason="Renewal"),
            [("verification off until", ("2026-06-01 12:00 UTC",), ()), ("reason", ("Renewal",), ())],
        ),
        (
            Action.CHANGE_USER,
            audit_of_users.UserRoles(("admin",), before=("viewer",), disabled_before=True),
            [("roles", ("viewer",), ("admin",)), ("disabled", ("yes",), ("no",))],
        ),
        (Action.REVOKE_TOKEN, audit_of_users.TokenEnd(scopes=("a", "b")), [("scopes", ("a", "b"), ())]),
        (
            Action.CHANGE_API,
            audit.ApiChange((), (EndpointUse(URL),), True, ("eu",), ("us",), ("a", "b"), ("tags",)),
            [
                ("endpoints", (), (URL,)),
                ("caller certificate", ("not required",), ("required",)),
                ("environments", ("us",), ("eu",)),
                ("description", ("a",), ("b",)),
                ("other members that changed", ("tags",), ("tags",)),
            ],
        ),
        (
            Action.CHANGE_API,
            audit.ApiChange((EndpointUse(URL, SECURITY),), (EndpointUse(URL, GROUP),)),
            [("endpoints", (SIGNED_IN,), (GROUPED,))],
        ),
        (Action.CHANGE_LIFECYCLE, audit.StateChange("CREATED", "PUBLISHED"), [("state", ("CREATED",), ("PUBLISHED",))]),
        (
            Action.RENEW_GATEWAY,
            audit.GatewayCertificateOf("bb", NOW, "aa"),
            [("until", (), ("2026-06-01 12:00 UTC",)), ("certificate", ("aa",), ("bb",))],
        ),
    ],
    ids=str,
)
def test_values_are_listed_before_and_after(action, details, changes):
    event = AuditEvent(
        "default", NOW, "anna", action, "Pizza", "", None, json.loads(json.dumps(audit.to_json(details)))
    )
    values = [(change.name, change.before, change.after) for change in list_changes(event)]
    assert [change for change in values if change[0] != "endpoint"] == changes


@pytest.mark.parametrize("action", Action)
def test_values_before_and_after_are_listed_for_all_details_even_of_other_versions(action):
    odd = [
        {"before": 1, "after": {"a": [None, True, {"b": {"c": False}}]}},
        {"settings": [1, {}, {"name": "any name", "before": ["False"], "after": ["True"]}]},
        {"certificate": [], "x": {"url": "u", "settings": {"list": [None, True, {"b": None}]}}},
    ]
    for details in [*(json.loads(json.dumps(audit.to_json(details))) for details, _ in WORDS), *odd]:
        event = AuditEvent("default", NOW, "anna", action, "Pizza", "", None, details)
        values = [value for change in list_changes(event) for value in change.before + change.after]
        assert not [value for value in values if re.search(r"\b(True|False|None)\b|[\[{']", value)]


def test_settings_that_are_on_or_off_are_written_as_yes_and_no():
    settings = TrustSettings("default", "https://pizza.test")
    changes = compare_settings(settings, dataclasses.replace(settings, any_name=True, sni=""))
    assert describe_details(changes) == "any name: no -> yes; sni: host -> none"


def test_times_are_written_in_utc_for_any_time_zone():
    until = datetime(2026, 11, 29, 3, 30, tzinfo=timezone(timedelta(hours=5)))
    exception, token = audit.ExceptionGrant(until, "renewal"), audit_of_users.NewToken(("apim:api_view",), until)
    assert describe_details(exception) == "verification is off until 2026-11-28 22:30 UTC: renewal"
    assert describe_details(token) == "apim:api_view, expires 2026-11-28 22:30 UTC"
    assert {audit.to_json(details)["until"] for details in (exception, token)} == {"2026-11-28T22:30:00+00:00"}


def test_events_are_stored_as_json_and_as_text(store):
    user = Principal("default", "anna", address="192.0.2.1")
    with store.write() as session:
        accounts.insert_organization(session, "default", NOW)
        for details, _ in WORDS:
            write_down(session, user, NOW, Action.CHANGE_API, "Pizza", details, change=("api", "id"))
    with store.read() as session:
        events = journal.list_audit_events(session, "default")
        changes = journal.list_changes_after(session, 0)
    assert [(event.detail, event.details) for event in events] == [
        (words, json.loads(json.dumps(audit.to_json(details)))) for details, words in WORDS
    ]
    assert {(event.user, event.action, event.subject, event.address) for event in events} == {
        ("anna", "change API", "Pizza", "192.0.2.1")
    }
    assert [(change.kind, change.key) for change in changes] == [("api", "id")] * len(WORDS)


def test_the_text_of_each_kind_of_details_is_tested():
    assert {type(details) for details, _ in WORDS} == set(get_args(audit.Details))


def find_attributes():
    for path in (SOURCES / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield path.relative_to(SOURCES), f"{node.value.id}.{node.attr}"


def test_every_action_is_written_by_a_use_case():
    names = {name for path, name in find_attributes() if name.startswith("Action.")}
    assert names >= {f"Action.{member}" for member in Action.__members__}


def test_every_action_is_about_a_kind_of_object():
    assert sorted(action for actions in ACTIONS.values() for action in actions) == sorted(Action)


def test_audit_events_are_written_in_one_place():
    assert {str(path) for path, name in find_attributes() if name == "journal.record"} == {"services/access/audit.py"}
