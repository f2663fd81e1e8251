"""
Completes the facts of endpoint certificates that an earlier version wrote, so that lists contain them.

This happens before the publisher serves its pages, and, because an earlier version may still run and write rows,
before each use of the facts; then there are only few.
"""

import structlog

from holdfast.store.database import Transactions
from holdfast.store.trust import facts

log = structlog.get_logger()


def complete_facts(store: Transactions, organization: str | None = None) -> None:
    """Add the facts that are missing in an organization, or in all; in batches, so that other writers get a turn."""
    number = 0
    while _is_incomplete(store, organization):
        with store.write() as session:
            number += facts.describe(session, organization)
    if number:
        log.info("endpoint certificates of an earlier version described", number=number)


def _is_incomplete(store: Transactions, organization: str | None) -> bool:
    with store.read() as session:
        return facts.has_undescribed(session, organization)
