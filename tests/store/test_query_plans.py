"""Queries that run with each change or on a timer use indexes, whatever the number of APIs."""

from contextlib import closing
from functools import partial

import pytest

from holdfast.server.clock import utc_now
from holdfast.store import journal
from holdfast.store.access import accounts, failed_attempts
from holdfast.store.access.accounts import User
from holdfast.store.catalog import apis, deployments, http1_origins
from holdfast.store.database import Store
from holdfast.store.gateways import certificates as gateway_certificates
from holdfast.store.gateways import join_tokens
from holdfast.store.identities import caller_certificates, gateway_identities
from holdfast.store.old_rows import BATCH, find_old, find_old_rows
from holdfast.store.topics import Topic
from holdfast.store.trust import (
    endpoint_certificates,
    expiring,
    facts,
    inventory,
    trust_settings,
    unused_origins,
    urgent,
)
from holdfast.store.watch import watched_endpoints
from issuing import issue
from store.plans import check_reads, fill
from store.values import make_entry

ORG, ORIGINS = "default", [f"https://{number}.test" for number in range(3)]
MANY = [str(number) for number in range(50)]
NOW = utc_now()
QUERIES = {
    "the end of the next exception": trust_settings.get_next_end,
    "certificates in rotation": lambda session: endpoint_certificates.list_in_rotation(session, 50),
    "new certificates in rotation": lambda session: endpoint_certificates.list_in_rotation(session, 50, unseen=True),
    "the last change": journal.get_last_sequence,
    "the latest change": journal.get_latest_change,
    "new changes": lambda session: journal.list_changes_after(session, 2_950),
    "changed APIs": lambda session: apis.list_with_ids(session, ORG, ["a", "b"]),
    "names of many APIs": lambda session: apis.list_names(session, ORG, MANY),
    "where many APIs are deployed": lambda session: deployments.list_places(session, ORG, MANY),
    "APIs of a changed origin": lambda session: apis.list_using_origins(session, ORG, ORIGINS),
    "APIs with a context": lambda session: apis.list_with_context(session, ORG, "/pizza"),
    "origins that rejected HTTP/2": lambda session: http1_origins.list_among(session, ORG, ORIGINS),
    "whether an API uses an origin": lambda session: apis.has_origin(session, ORG, ORIGINS[0]),
    "certificates of origins": lambda session: endpoint_certificates.list_of_origins(session, ORG, ORIGINS),
    "certificates of an endpoint in order": lambda session: inventory.find(
        session, ORG, inventory.Filter(endpoint=ORIGINS[0]), limit=10
    ),
    "other certificates of an origin": lambda session: endpoint_certificates.list_trusted_besides(
        session, make_entry("a")
    ),
    "aliases of a certificate": lambda session: endpoint_certificates.list_aliases_with(
        session, ORG, ORIGINS[0], make_entry("b", issue("a.test")).trusted, "a"
    ),
    "whether facts are missing": facts.has_undescribed,
    "whether facts are missing in an organization": lambda session: facts.has_undescribed(session, ORG),
    "previous certificates to retire": lambda session: urgent.find_retirable(session, ORG, NOW, NOW, NOW),
    "certificates that expire": lambda session: expiring.find(session, ORG, NOW, NOW, 10),
    "users of origins": lambda session: inventory.list_users(session, ORG, ORIGINS),
    "unused origins among some": lambda session: unused_origins.find(session, ORG, ORIGINS),
    "whether origins have users": lambda session: apis.list_ids_by_origin(session, ORG, ORIGINS),
    "trust settings of origins": lambda session: trust_settings.list_by_origin(session, ORG, ORIGINS),
    "gateway identities of origins": lambda session: gateway_identities.list_by_origin(session, ORG, ORIGINS),
    "the holder of a certificate": lambda session: gateway_certificates.get_holder(session, ORG, "aa", NOW),
    "certificates of open streams": lambda session: gateway_certificates.list_expiries(session, ORG, ["aa", "bb"]),
    "a join token": lambda session: join_tokens.get(session, ORG, "aa"),
    "whether APIs have endpoints that aren't watched": lambda session: watched_endpoints.has_new(session, ORG, ["a"]),
    "sessions of a user": lambda session: accounts.list_sessions(session, User("1", ORG, "anna", ""), NOW),
    "callers of changed APIs": lambda session: caller_certificates.find_accepted(session, ORG, ["1"]),
}


@pytest.fixture(scope="module")
def store(databases, tmp_path_factory):
    with databases.separate(tmp_path_factory.mktemp("filled")) as storage:
        fill(storage)
        with closing(Store(storage.location, utc_now())) as store:
            yield store


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_no_table_or_organization_is_read_as_a_whole(store, query):
    with store.read() as session:
        check_reads(session, query)


def test_counting_failed_attempts_to_sign_in_does_not_read_all_of_them(store):
    with store.note(Topic.SIGN_INS) as session:
        check_reads(session, lambda session: failed_attempts.add(session, ["a"], NOW))


def test_no_table_is_read_as_a_whole_to_find_old_rows(store):
    with store.read() as session:
        for rows in find_old_rows(NOW):
            assert f" LIMIT {BATCH}" in str(rows.query.compile(compile_kwargs={"literal_binds": True}))
            # Of the first three, the first rows are read, up to a batch. The fourth is small, and updated every few
            # seconds, which an index would make slower. The fifth is read by channel, of which there are few; here,
            # each message has another one.
            small = ("control_plane", "notification_message")
            if rows.table not in ("change", "audit_event", "notification", *small):
                check_reads(session, partial(find_old, rows=rows))
