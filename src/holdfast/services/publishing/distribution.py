"""
Distribution: rebuilds the resources that change rows name, and sends them to the gateways.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

import structlog

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Environment
from holdfast.certificates.formats.credentials import Credential
from holdfast.gateway.discovery.cache import Cache, ResourceKey
from holdfast.gateway.resources.apis import ApiResources, build_api
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.downstream import build_gateway_secret
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.gateway.resources.scopes import Scopes
from holdfast.network.addresses import Network
from holdfast.services.background import wake_on_write
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.snapshot import ApiKey, Snapshot, read_changed, read_everything
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing

log = structlog.get_logger()
DRAIN = 60.0  # seconds for which an unused cluster or secret stays, so that requests in flight can finish

Addresses = Sequence[tuple[str, int]]
NOWHERE: Mapping[Environment, Addresses] = MappingProxyType({})


class Distributor:
    """Keeps the cache up to date with the database. Lives on one event loop."""

    def __init__(
        self,
        store: Store,
        cache: Cache,
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
        self._cache = cache
        self._enforcements = enforcements
        self._listeners = listeners
        self._tls_listeners = tls_listeners
        self._listener = partial(build_listener, limits=limits, trusted_proxies=trusted_proxies)
        self._drain = drain
        self._limits = limits
        self._scopes = Scopes()
        self._built: dict[ApiKey, ApiResources] = {}
        self._users: Counter[ResourceKey] = Counter()  # how many APIs use a cluster or secret
        self._due: dict[ResourceKey, float] = {}  # when an unused cluster or secret can be removed
        self._sequence = 0
        self._wake = wake_on_write(store)

    async def begin(self) -> None:
        """Publish everything once."""
        everything = await asyncio.to_thread(read_everything, self._store, self._sealing, self._now())
        fixed = [self._listener(environment, addresses) for environment, addresses in self._listeners.items()]
        self._take(everything, fixed)

    def present(self, credential: Credential) -> None:
        """Let gateways present *credential* to callers, on new connections."""
        every = [
            self._listener(environment, addresses, tls=True) for environment, addresses in self._tls_listeners.items()
        ]
        self._cache.apply([build_gateway_secret(credential), *every])

    async def follow(self) -> None:
        """Publish changes as they happen, until cancelled."""
        while True:
            self._wake.clear()
            changed = await asyncio.to_thread(read_changed, self._store, self._sealing, self._sequence, self._now())
            self._take(changed)
            await self._wake.wait()

    def _take(self, snapshot: Snapshot, fixed: Iterable[Resource] = ()) -> None:
        """Build the APIs of *snapshot*, and send all resulting changes to the gateways in one step."""
        upserts = list(fixed)
        old = {key: self._built[key] for key in snapshot.apis if key in self._built}
        for key, api in snapshot.apis.items():
            before = old.get(key)
            self._built.pop(key, None)
            after = _build(api, snapshot, self._limits) if api else None
            if after and after.clusters:
                self._built[key] = after
                upserts += after.all
                self._users.update((r.type_url, r.name) for r in after.all)
            if before:
                self._users.subtract((r.type_url, r.name) for r in before.all)
                self._retire_later([(r.type_url, r.name) for r in before.all])
            self._scopes.replace(key, before, after)
        routes, routeless = self._scopes.take_changes()
        self._sequence = snapshot.sequence
        self._enforcements.take_resources(snapshot, old, self._built)
        self._cache.apply(upserts + routes, routeless)
        self._cache.tell_observers()
        log.info("published", apis=len(snapshot.apis), resources=len(upserts), sequence=snapshot.sequence)

    def _retire_later(self, keys: list[ResourceKey]) -> None:
        unused = [key for key in keys if self._users[key] <= 0]
        if unused:
            loop = asyncio.get_running_loop()
            due = loop.time() + self._drain
            self._due.update(dict.fromkeys(unused, due))
            loop.call_at(due, self._retire, unused, due)

    def _retire(self, keys: list[ResourceKey], due: float) -> None:
        # If a resource was used again in the meantime, it has users or another time.
        unused = [key for key in keys if self._users[key] <= 0 and self._due.get(key) == due]
        # Envoy drops a secret together with the cluster that names it, so both can be removed in one step.
        for key in unused:
            del self._users[key], self._due[key]
        self._cache.apply([], unused)
        log.info("retired", clusters=sum(key[0] == CLUSTER for key in unused))


def _build(api: Api, snapshot: Snapshot, limits: BackendLimits) -> ApiResources | None:
    try:
        org = api.organization
        callers = snapshot.callers.get((org, api.id), frozenset())
        return build_api(api, snapshot.trust.get(org, {}), snapshot.identities.get(org, {}), callers, limits)
    except Exception:
        # An API that can't be built isn't served, which is safe, and doesn't affect others.
        log.exception("API cannot be built", api=api.id, organization=api.organization)
        return None
