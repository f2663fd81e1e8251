"""
The background tasks of a running Holdfast.
"""

from datetime import timedelta
from functools import partial

from holdfast.gateway.discovery.ads import keep_serving
from holdfast.server.clock import utc_now
from holdfast.server.parts import Parts
from holdfast.services.background import Background
from holdfast.services.failures.failure_probes import FailureProbes
from holdfast.services.notifications.clerk import Clerk
from holdfast.services.notifications.evaluation import ConditionSources
from holdfast.services.on_time import OnTime, repeat
from holdfast.services.probing.rotation_probes import RotationProbes, fetch_accepted_chain
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.retention import chain_events, forget_by_the_earlier_clock, forget_old_rows
from holdfast.services.runtime import Runtime
from holdfast.services.traffic.recording import Lifetimes
from holdfast.services.traffic.retention import forget_old_traffic
from holdfast.services.trust.trust_settings import end_exceptions
from holdfast.services.watch.watch import Watch
from holdfast.store.database import Store

FORGET_EVERY = 3600.0  # seconds between deletions of old rows
CHAIN_EVERY = 30.0  # seconds between looks for audit events that the previous version wrote during an upgrade


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
    rotation_probes = RotationProbes(store, probe, utc_now)
    background.start("observation of rotations", partial(runtime.presence.lease.run, rotation_probes.follow))


def watch_backends(background: Background, parts: Parts, interval: timedelta) -> None:
    """Start the task that checks once in an *interval* what backends present."""
    runtime = parts.runtime
    watch = Watch(runtime.store, runtime.sealing, parts.watch_probes, utc_now, interval)
    background.start("watch", partial(runtime.presence.lease.run, watch.follow))


def keep_books(background: Background, runtime: Runtime, audit_days: int, traffic: Lifetimes) -> None:
    """
    Start the tasks that delete old rows and store failed sign-ins.

    Audit events are deleted after *audit_days* (0: never), traffic after the lifetimes of *traffic*.
    """
    follow = runtime.accounts.failures.follow

    def count_control_planes() -> int:
        return 1 + len(runtime.presence.others)

    forget = partial(forget_by_the_earlier_clock, partial(forget_old_rows, audit_days=audit_days))
    forget_regularly = partial(repeat, forget, utc_now, FORGET_EVERY)
    background.start("old rows", partial(runtime.presence.lease.run, forget_regularly))
    chain_regularly = partial(repeat, chain_events, utc_now, CHAIN_EVERY)
    background.start("chain of audit events", partial(runtime.presence.lease.run, chain_regularly))
    forget_traffic = partial(
        forget_by_the_earlier_clock, partial(forget_old_traffic, lifetimes=traffic.list_by_resolution())
    )
    forget_traffic_regularly = partial(repeat, forget_traffic, utc_now, FORGET_EVERY)
    background.start("old traffic", partial(runtime.presence.lease.run, forget_traffic_regularly))
    background.start("failed sign-ins", partial(follow, runtime.store, utc_now, count_control_planes))


def notify(background: Background, runtime: Runtime) -> None:
    """Start the task that notifies people."""
    sources = ConditionSources(runtime.failures, runtime.gateway_sources, runtime.server_certificates)
    clerk = Clerk(runtime.store, runtime.sealing, runtime.sender, sources, utc_now)
    background.start("notifications", partial(runtime.presence.lease.run, clerk.follow))


def share_gateways(background: Background, parts: Parts) -> None:
    """Share the state of this control plane's gateways with other control planes, and follow that of theirs."""
    runtime = parts.runtime
    background.start("records of gateways", parts.records.follow)
    tell = runtime.groups.tell_observers
    background.start("gateways of other control planes", partial(runtime.elsewhere.follow, runtime.store, tell))


def serve_gateways(background: Background, parts: Parts, address: str) -> None:
    """Serve gateways at *address* (`unix:PATH`)."""
    background.start("traffic", parts.traffic.follow)
    background.start("causes of failures", parts.causes.follow)
    background.start("discovery", partial(keep_serving, address, *parts.services))
    background.start("admission of gateways", parts.admissions.follow)
    background.start("notices to gateways", parts.spreading.follow)
    background.start("balance of gateways", parts.spreading.balance)
    background.start("listeners", parts.listeners.follow)
