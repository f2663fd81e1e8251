"""
The background tasks of a running Holdfast.
"""

from functools import partial

from holdfast.gateway.discovery.ads import keep_serving
from holdfast.server.clock import utc_now
from holdfast.server.parts import Parts
from holdfast.services.background import Background
from holdfast.services.failures.failure_probes import FailureProbes
from holdfast.services.on_time import OnTime, repeat
from holdfast.services.probing.rotation_probes import RotationProbes, fetch_accepted_chain
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.retention import forget_old_rows
from holdfast.services.runtime import Runtime
from holdfast.services.trust.trust_settings import end_exceptions
from holdfast.store.database import Store

FORGET_EVERY = 3600.0  # seconds between deletions of old rows


async def follow_times(background: Background, store: Store) -> None:
    """Run steps that are due at the times stored in rows, now and from now on."""
    on_time = OnTime(store, end_exceptions, utc_now)
    await on_time.begin()
    background.start("trust exceptions", on_time.follow)


def follow_changes(background: Background, runtime: Runtime, distributor: Distributor) -> None:
    """Start the tasks that send changes to the gateways, and that probe backends after failures and in rotations."""
    store, sealing, probes = runtime.store, runtime.sealing, runtime.probes
    background.start("publisher", distributor.follow)
    background.start("enforcement", runtime.enforcements.follow)
    examination = FailureProbes(store, sealing, probes, runtime.failures, utc_now)
    background.start("examination of failures", examination.follow)
    probe = partial(fetch_accepted_chain, store, sealing, probes, utc_now)
    background.start("observation of rotations", RotationProbes(store, probe, utc_now).follow)


def keep_books(background: Background, runtime: Runtime, audit_days: int) -> None:
    """Start the tasks that delete old rows (audit events after *audit_days*, 0: never) and store failed sign-ins."""
    forget = partial(forget_old_rows, audit_days=audit_days)
    background.start("old rows", partial(repeat, runtime.store, forget, utc_now, FORGET_EVERY))
    background.start("failed sign-ins", partial(runtime.accounts.failures.follow, runtime.store, utc_now))


def serve_gateways(background: Background, parts: Parts, address: str) -> None:
    """Serve gateways at *address* (`unix:PATH`)."""
    background.start("discovery", partial(keep_serving, address, *parts.services))
    background.start("admission of gateways", parts.admissions.follow)
    background.start("listeners", parts.listeners.follow)
