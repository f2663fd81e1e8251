"""Queries that run with each change or on a timer use indexes, whatever the number of APIs."""

import re

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from holdfast.server.clock import utc_now
from holdfast.store import journal
from holdfast.store.catalog import apis, http1_origins
from holdfast.store.gateways import certificates as gateway_certificates
from holdfast.store.gateways import join_tokens
from holdfast.store.identities import caller_certificates, gateway_identities
from holdfast.store.trust import endpoint_certificates, trust_settings
from issuing import issue
from store.values import make_entry

ORG, ORIGINS = "default", [f"https://{number}.test" for number in range(3)]
NOW = utc_now()
QUERIES = {
    "the end of the next exception": trust_settings.next_end,
    "certificates in rotation": lambda session: endpoint_certificates.in_rotation(session, 50),
    "new certificates in rotation": lambda session: endpoint_certificates.in_rotation(session, 50, unseen=True),
    "the last change": journal.last_change,
    "new changes": lambda session: journal.changes_after(session, 3),
    "changed APIs": lambda session: apis.with_ids(session, ORG, ["1", "2"]),
    "APIs of a changed origin": lambda session: apis.using_origins(session, ORG, ORIGINS),
    "APIs with a context": lambda session: apis.with_context(session, ORG, "/pizza"),
    "origins that rejected HTTP/2": lambda session: http1_origins.among(session, ORG, ORIGINS),
    "whether an API uses an origin": lambda session: apis.has_origin(session, ORG, ORIGINS[0]),
    "certificates of origins": lambda session: endpoint_certificates.of_origins(session, ORG, ORIGINS),
    "other certificates of an origin": lambda session: endpoint_certificates.trusted_besides(session, make_entry("a")),
    "aliases of a certificate": lambda session: endpoint_certificates.aliases_with(
        session, ORG, ORIGINS[0], make_entry("b", issue("a.test")).trusted, "a"
    ),
    "trust settings of origins": lambda session: trust_settings.of_origins(session, ORG, ORIGINS),
    "gateway identities of origins": lambda session: gateway_identities.of_origins(session, ORG, ORIGINS),
    "the holder of a certificate": lambda session: gateway_certificates.holder(session, ORG, "aa", NOW),
    "certificates of open streams": lambda session: gateway_certificates.expiries(session, ORG, ["aa", "bb"]),
    "a join token": lambda session: join_tokens.get(session, ORG, "aa"),
    "callers of changed APIs": lambda session: caller_certificates.accepted_callers(session, ORG, ["1"]),
}
# An index that contains only the rows to find may be read as a whole.
READS_EVERYTHING = re.compile(
    r"SCAN (?!certificate USING (COVERING )?INDEX certificate_previous)|\(organization_id=\?\)$"
)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_no_table_or_organization_is_read_as_a_whole(store, query):
    statements = []

    def listen(_connection, _cursor, statement, parameters, *_):
        statements.append((statement, parameters))

    with store.read() as session:
        event.listen(Engine, "before_cursor_execute", listen)
        try:
            query(session)
        finally:
            event.remove(Engine, "before_cursor_execute", listen)
        steps = [
            row[3]
            for statement, parameters in statements
            if statement.startswith("SELECT")
            for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert steps
    assert not [step for step in steps if READS_EVERYTHING.search(step)], steps
