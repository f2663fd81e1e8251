"""
Distribution: rebuilds the resources that change rows name, and sends them to the gateways.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

import structlog

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Environment
from holdfast.certificates.formats.credentials import Credential
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.resources.apis import ApiResources, build_api
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.downstream import build_gateway_secret
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.resource import Resource
from holdfast.network.addresses import Network
from holdfast.services.background import wake_on_write
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.served_group import ServedGroup
from holdfast.services.publishing.snapshot import ApiKey, Snapshot, read_changed, read_everything
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing

log = structlog.get_logger()
DRAIN = 60.0  # seconds for which an unused cluster or secret stays, so that requests in flight can finish

Addresses = Sequence[tuple[str, int]]
NOWHERE: Mapping[Environment, Addresses] = MappingProxyType({})


class Distributor:
    """Keeps the cache of each group up to date with the database. Lives on one event loop."""

    def __init__(
        self,
        store: Store,
        groups: Groups,
        enforcements: Enforcements,
        listeners: Mapping[Environment, Addresses],
        drain: float = DRAIN,
        *,
        sealing: Sealing,
        now: Callable[[], datetime],
        tls_listeners: Mapping[Environment, Addresses] = NOWHERE,
        limits: BackendLimits = DEFAULT_LIMITS,
        trusted_proxies: Sequence[Network] = (),
    ) -> None:
        """
        *listeners* serve http; *tls_listeners* serve https, once `present` was called.

        Headers that *trusted_proxies* send about callers are accepted.
        """
        self._store = store
        self._sealing = sealing
        self._now = now
        self._groups = groups
        self._enforcements = enforcements
        self._tls_listeners = tls_listeners
        self._listener = partial(build_listener, limits=limits, trusted_proxies=trusted_proxies)
        # The same objects for every group.
        self._plain = [self._listener(environment, addresses) for environment, addresses in listeners.items()]
        self._tls: list[Resource] = []  # once there is a certificate
        self._drain = drain
        self._limits = limits
        self._built: dict[ApiKey, ApiResources] = {}
        self._served: dict[str, ServedGroup] = {}
        self._sequence = 0
        self._wake = wake_on_write(store)

    async def begin(self) -> None:
        """Publish everything once."""
        everything = await asyncio.to_thread(read_everything, self._store, self._sealing, self._now())
        self._take(everything)

    def present(self, credential: Credential) -> None:
        """Let gateways present *credential* to callers, on new connections."""
        every = [
            self._listener(environment, addresses, tls=True) for environment, addresses in self._tls_listeners.items()
        ]
        self._tls = [build_gateway_secret(credential), *every]
        for served in self._served.values():
            served.apply(*self._tls)

    async def follow(self) -> None:
        """Publish changes as they happen, until cancelled."""
        while True:
            self._wake.clear()
            changed = await asyncio.to_thread(read_changed, self._store, self._sealing, self._sequence, self._now())
            self._take(changed)
            await self._wake.wait()

    def _take(self, snapshot: Snapshot) -> None:
        """Build the APIs of *snapshot*, and send all resulting changes to the gateways in one step."""
        for group in snapshot.groups:
            self._serve(group)
        old = {key: self._built[key] for key in snapshot.apis if key in self._built}
        concerned: dict[str, None] = {}
        for key, api in snapshot.apis.items():
            before = old.get(key)
            self._built.pop(key, None)
            after = _build(api, snapshot, self._limits) if api else None
            if after and after.clusters:
                self._built[key] = after
            groups = (before.groups if before else frozenset()) | (after.groups if after else frozenset())
            for group in sorted(groups & self._served.keys()):
                self._served[group].replace(key, _within(before, group), _within(after, group))
                concerned[group] = None
        self._sequence = snapshot.sequence
        self._enforcements.take_resources(snapshot, old, self._built)
        resources = sum(self._served[group].apply() for group in concerned)
        self._groups.tell_observers()
        log.info("published", apis=len(snapshot.apis), resources=resources, sequence=snapshot.sequence)

    def _serve(self, group: str) -> None:
        """Send listeners to the gateways of *group* if it is new."""
        if group not in self._served:
            served = self._served[group] = ServedGroup(self._groups, group, self._drain)
            served.apply(*self._plain, *self._tls)


def _within(resources: ApiResources | None, group: str) -> ApiResources | None:
    return resources if resources and group in resources.groups else None


def _build(api: Api, snapshot: Snapshot, limits: BackendLimits) -> ApiResources | None:
    try:
        org = api.organization
        callers = snapshot.callers.get((org, api.id), frozenset())
        return build_api(api, snapshot.trust.get(org, {}), snapshot.identities.get(org, {}), callers, limits)
    except Exception:
        # An API that can't be built isn't served, which is safe, and doesn't affect others.
        log.exception("API cannot be built", api=api.id, organization=api.organization)
        return None
