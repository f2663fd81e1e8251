"""A stolen gateway learns nothing about the APIs of other groups, whatever it asks for and whatever changes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.apis.catalog.api import Api
from holdfast.apis.gateways.group import Group
from holdfast.certificates.certificate import read_certificate
from holdfast.gateway.discovery.ads import DiscoveryService
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.peer import Peer
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS
from holdfast.gateway.resources.resource import SECRET
from holdfast.gateway.resources.tls import build_trust_secret
from holdfast.server.clock import utc_now
from holdfast.services.publishing.building import build_apis
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.group_listeners import GroupListeners
from holdfast.services.publishing.snapshot import Snapshot
from issuing import issue
from services.control_plane import LISTENERS, SEALING, TYPES, advance, play
from store.values import NOW, make_api
from trusting import trust_set

pytestmark = pytest.mark.long

DRAIN = 60.0
GROUPS = ("Default", "eu", "us")
# Two share the first segment of their paths, and so the resource of their routes; two share an origin.
APIS = {
    name: make_api(name, context=context, production=f"https://{host}")
    for name, context, host in (("A", "/shop/a", "a.test"), ("B", "/shop/b", "shared.test"), ("C", "/c", "shared.test"))
}
CERTIFICATES = {host: issue(host) for host in ("a.test", "shared.test")}
ORIGINS = {name: api.endpoints[0].origin for name, api in APIS.items()}
TRUST = {
    name: trust_set([read_certificate(CERTIFICATES[origin.host].der)], origin.reference)
    for name, origin in ORIGINS.items()
}
# Texts that occur only in the clusters and routes of one API, and the names of the secrets with its trust.
MARKS = {name: api.id.encode() for name, api in APIS.items()}
SECRETS = {name: build_trust_secret(trust).name for name, trust in TRUST.items()}


@dataclass
class Stream:
    """A gateway's stream: it acknowledges everything, and remembers what it was sent."""

    service: DiscoveryService
    group: str
    requests: "asyncio.Queue[DeltaDiscoveryRequest]" = field(default_factory=asyncio.Queue)
    responses: list[DeltaDiscoveryResponse] = field(default_factory=list)
    subscriptions: set[tuple[str, str]] = field(default_factory=set)

    async def run(self) -> None:
        """Run until cancelled."""
        context = Peer(f"{self.group}-1", self.group)
        async for response in self.service.DeltaAggregatedResources(self._read(), context):
            self.responses.append(response)
            answer = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
            self.requests.put_nowait(answer)

    def ask(self, kind: str, names: set[str], *, claims: bool) -> None:
        """Ask for everything and for *names*, and claim to have these names with *claims*."""
        self.subscriptions |= {(kind, name) for name in names}
        has = dict.fromkeys(names, "1") if claims else {}
        request = DeltaDiscoveryRequest(
            type_url=kind, resource_names_subscribe=["*", *sorted(names)], initial_resource_versions=has
        )
        self.requests.put_nowait(request)

    async def _read(self) -> AsyncIterator[DeltaDiscoveryRequest]:
        while True:
            yield await self.requests.get()


@dataclass
class Installation:
    """A distributor, and a stream of each group."""

    distributor: Distributor
    groups: Groups
    apis_by_group: dict[str, frozenset[str]] = field(default_factory=dict)
    draining: dict[str, set[str]] = field(default_factory=lambda: {group: set() for group in GROUPS})
    streams: dict[str, Stream] = field(default_factory=dict)
    tasks: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    def publish(self, api: Api | None, name: str) -> None:
        """Publish *api*, or delete it."""
        key = ("default", APIS[name].id)
        trust = {"default": {ORIGINS[name]: TRUST[name]}} if api else {}
        groups = [Group(group, NOW, NOW) for group in GROUPS]
        snapshot = Snapshot({key: [api] if api else []}, trust, {}, {}, {}, {}, (), None, groups)
        self.distributor.take(snapshot, build_apis(snapshot, DEFAULT_LIMITS))
        for group in GROUPS:
            before = self.apis_by_group.get(group, frozenset())
            after = before | {name} if api and group in api.groups else before - {name}
            self.draining[group] |= before - after
            self.apis_by_group[group] = after

    def connect(self, group: str, *, claims: bool) -> None:
        """Connect the gateway of a group again, which asks for all names that any group has."""
        if group in self.tasks:
            self.tasks[group].cancel()
        service = DiscoveryService(lambda context: context, self.groups.find_cache, utc_now)
        stream = self.streams[group] = Stream(service, group)
        for kind in TYPES:
            names = {name for cache in self.groups.caches.values() for name in cache.get_resources(kind)}
            stream.ask(kind, names, claims=claims)
        self.tasks[group] = asyncio.create_task(stream.run())

    async def settle(self) -> None:
        """Let all streams send and acknowledge."""
        for _ in range(12):
            await asyncio.sleep(0)

    def check(self) -> None:
        """Check what each stream was sent since the last check."""
        for group, stream in self.streams.items():
            own = self.apis_by_group[group] | self.draining[group]
            own_secrets = {SECRETS[name] for name in own}
            for response in stream.responses:
                names = {resource.name for resource in response.resources}
                content = b"".join(resource.SerializeToString() for resource in response.resources)
                assert not [name for name in APIS if name not in own and MARKS[name] in content]
                assert response.type_url != SECRET or names <= own_secrets
                # The gateway learns only of the removal of what it was sent, or has named itself.
                removals = {(response.type_url, name) for name in response.removed_resources}
                assert removals <= stream.subscriptions
                stream.subscriptions |= {(response.type_url, name) for name in names}
            stream.responses.clear()


NAMES = st.sampled_from(sorted(APIS))
DEPLOY = st.tuples(st.just("deploy"), NAMES, st.frozensets(st.sampled_from(GROUPS), min_size=1))
STEPS = st.lists(
    st.one_of(
        DEPLOY,
        st.tuples(st.just("delete"), NAMES),
        st.tuples(st.just("connect"), st.sampled_from(GROUPS), st.booleans()),
        st.tuples(st.just("drain")),
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=STEPS)
def test_a_gateway_is_sent_only_what_its_group_serves(store, steps):
    async def story():
        groups = Groups()
        enforcements = Enforcements(groups, utc_now)
        distributor = Distributor(
            store, groups, enforcements, GroupListeners(LISTENERS), DRAIN, sealing=SEALING, now=utc_now
        )
        installation = Installation(distributor, groups)
        for name in APIS:
            installation.publish(None, name)
        for group in GROUPS:
            installation.connect(group, claims=False)
        for step in steps:
            match step:
                case "deploy", name, its_groups:
                    installation.publish(replace(APIS[name], groups=its_groups), name)
                case "delete", name:
                    installation.publish(None, name)
                case "connect", group, claims:
                    installation.connect(group, claims=claims)
                case _:
                    advance(DRAIN + 1)
                    await installation.settle()
                    installation.draining = {group: set() for group in GROUPS}
            await installation.settle()
            installation.check()
        for task in installation.tasks.values():
            task.cancel()
        await asyncio.gather(*installation.tasks.values(), return_exceptions=True)

    play(story())
