"""
What the gateway sees a backend present, asked without anybody's wish.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from holdfast.apis.errors import InvalidField
from holdfast.certificates.certificate import Certificate
from holdfast.network.backend import Presentation
from holdfast.services.access.principal import Principal
from holdfast.services.errors import Conflict, TooManyTests
from holdfast.services.probing.probes import Probes
from holdfast.services.probing.tested_trust import terms_to_test
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing

log = structlog.get_logger()


async def accepted_chain(
    store: Store, sealing: Sealing, probes: Probes, now: Callable[[], datetime], organization: str, endpoint: str
) -> Sequence[Certificate] | None:
    """
    Give the chain that the backend of *endpoint* presents, its own certificate first, if the gateway accepts it.

    None when it does not, cannot be asked, or saw another certificate than the one that was looked at.
    """
    who = Principal(organization, "holdfast")
    try:
        terms = await asyncio.to_thread(terms_to_test, store, sealing, who, endpoint, now())
        probed = await probes.probe(who, endpoint, terms)
    except (Conflict, InvalidField, TooManyTests) as error:
        log.info("backend cannot be observed", organization=organization, endpoint=endpoint, reason=str(error))
        return None
    seen, verdict = probed.presented, probed.verdict
    if not verdict.accepted or not isinstance(seen, Presentation) or not seen.chain:
        return None
    return seen.chain if seen.chain[0].fingerprint == verdict.fingerprint else None
