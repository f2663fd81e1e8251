"""Random schedules of control planes and gateways: enforced means in force everywhere, and in the end all agree."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from acting import context_of
from holdfast.apis.enforcement import OriginTrust, Progress
from holdfast.apis.gateways.gateway import Gateway, Placement
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.discovery.subscription import Subscription
from holdfast.gateway.resources.apis import build_api
from holdfast.server.clock import utc_now
from holdfast.services.catalog import apis, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.gateways.connection_records import ConnectionRecords
from holdfast.services.gateways.elsewhere import GatewaysElsewhere
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.group_listeners import GroupListeners
from holdfast.services.publishing.snapshot import read_everything
from holdfast.services.trust import endpoint_certificates
from holdfast.store.control_planes import control_planes
from holdfast.store.gateways import gateways
from holdfast.store.topics import Topic
from issuing import issue
from services.control_plane import LISTENERS, SEALING, TYPES, play, register

pytestmark = pytest.mark.long

EXAMPLES = 8
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # to shrink takes minutes
PLANES, GATEWAYS = ("a", "b", "c"), ("one", "two")
numbers = itertools.count(1)


class Plane:
    """A control plane that does only what a test lets it do; it may be stopped, and it may be killed."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        store = world.store
        self.groups = Groups()
        self.elsewhere = GatewaysElsewhere(name)
        self.enforcements = Enforcements(self.groups, utc_now, elsewhere=self.elsewhere)
        self.records = ConnectionRecords(
            store, name, self.groups, GatewayStates(), lambda: self.enforcements.revision, self.enforcements.list_latest
        )
        listeners = GroupListeners(LISTENERS)
        self.distributor = Distributor(store, self.groups, self.enforcements, listeners, sealing=SEALING, now=utc_now)

    async def begin(self):
        register(self.world.store, self.name)
        await self.records.begin()
        await self.distributor.begin()

    def enforcement(self):
        return self.enforcements.find(context_of(self.world.store, self.world.user), OriginTrust(self.world.origin))


@dataclass
class Stream:
    """A gateway's stream at a control plane: what it has been sent and hasn't answered."""

    plane: Plane
    name: str
    in_force: dict
    waiting: list = field(default_factory=list)

    def __post_init__(self):
        cache = self.plane.groups.default
        self.gateway, self.watch = cache.connect(self.name, utc_now())
        self.subscriptions = {kind: Subscription(kind) for kind in TYPES}
        for kind, subscription in self.subscriptions.items():
            has = {name: version for (of, name), version in self.in_force.items() if of == kind}
            subscription.request((), (), has, first=True)
            self.gateway.acknowledged.update({(kind, name): version for name, version in has.items()})
        self.gateway.started = True
        self.watch.set()

    def receive(self):
        """Send what is due."""
        self.watch.clear()
        for kind in TYPES:
            resources = self.plane.groups.default.get_resources(kind)
            for update in self.subscriptions[kind].take_updates(resources, self.watch.take(kind)):
                self.gateway.unanswered.update(((kind, r.name), update.nonce) for r in update.resources)
                self.gateway.updates += 1
                self.waiting.append((kind, update))

    def answer(self, count, reason=None):
        """Apply and acknowledge, or reject, the first updates."""
        self.receive()
        responses, self.waiting = self.waiting[:count], self.waiting[count:]
        for kind, update in responses:
            if reason is None:
                self.in_force.update({(kind, resource.name): resource.version for resource in update.resources})
                for name in update.removed:
                    self.in_force.pop((kind, name), None)
            self.subscriptions[kind].answer(self.gateway, update.nonce, reason)
            self.gateway.updates -= 1

    def end(self):
        self.plane.groups.default.disconnect(self.gateway, self.watch)


class World:
    """Control planes, gateways, and one origin whose trust changes."""

    def __init__(self, store, user, pems):
        self.store, self.user, self.pems = store, user, pems
        number = next(numbers)
        self.origin = f"https://h{number}.test"
        api = apis.create_api(context_of(store, user), ApiDraft(f"A{number}", f"/a{number}", "1", self.origin))
        lifecycle.change_lifecycle(context_of(store, user), api.id, "Publish")
        endpoint_certificates.import_certificate(context_of(store, user), f"x{number}", self.origin, pems[0])
        self.alias, self.changes = f"x{number}", 0
        self.planes = {}
        self.killed = []
        self.in_force = {name: {} for name in GATEWAYS}
        self.streams = {}  # the current one of each gateway
        self.lingering = []  # streams whose end their control planes haven't noticed

    async def start(self, name):
        if name not in self.planes:
            self.planes[name] = Plane(self, f"{name}-{next(numbers)}")
            await self.planes[name].begin()

    async def take(self, step, name, number):
        """Take a step, unless it isn't possible."""
        plane, stream = self.planes.get(name), self.streams.get(name)
        match step:
            case "change":
                self.changes += 1
                pem = self.pems[self.changes % len(self.pems)]
                endpoint_certificates.replace_certificate(context_of(self.store, self.user), self.alias, pem)
            case "start":
                await self.start(name)
            case "kill" if plane and len(self.planes) > 1:
                self.killed.append(self.planes.pop(name))
                self.streams = {of: stream for of, stream in self.streams.items() if stream.plane is not plane}
            case "catch up" if plane:
                await plane.distributor.catch_up()
            case "write" if plane:
                await plane.records.write_changes()
            case "settle" if plane:
                plane.enforcements.settle()
            case "silent" if plane:
                register(self.store, plane.name, is_live=False)
            case "seen" if plane:
                register(self.store, plane.name)
            case "expire" if self.killed:
                register(self.store, self.killed[-1].name, is_live=False)
            case "connect" | "move":
                plane = self.planes.get(PLANES[number % len(PLANES)])
                if plane:
                    if stream and step == "connect":
                        stream.end()
                    elif stream:
                        self.lingering.append(stream)
                    await plane.distributor.welcome()
                    self.streams[name] = Stream(plane, name, self.in_force[name])
            case "notice" if self.lingering:
                self.lingering.pop(0).end()
            case "disconnect" if stream:
                self.streams.pop(name).end()
            case "answer" if stream:
                stream.answer(number)
            case "reject" if stream:
                stream.answer(1, "no")

    def check(self):
        """Check that what any control plane says is enforced is in force at every gateway, except those it names."""
        versions = self.find_needed()
        for plane in self.planes.values():
            enforcement = plane.enforcement()
            if enforcement.progress is Progress.ENFORCED:
                for name in self.streams.keys() - set(enforcement.disconnected):
                    has = self.in_force[name]
                    assert {key: has.get(key) for key in versions} == versions, (plane.name, name, str(enforcement))

    def find_needed(self):
        """Return the versions of the resources that enforce the trust of the origin, as the database has it now."""
        everything = read_everything(self.store, SEALING, utc_now())
        all_apis = (api for revisions in everything.apis.values() for api in revisions)
        (api,) = (api for api in all_apis if str(api.endpoints[0].origin) == self.origin)
        resources = build_api(api, everything.trust[api.organization])
        keys = resources.by_policy[OriginTrust(self.origin)]
        versions = {(resource.type_url, resource.name): resource.version for resource in resources.all}
        return {key: version for key, version in versions.items() if key in keys}

    def remove_control_planes(self):
        with self.store.note(Topic.CONTROL_PLANES) as session:
            for plane in [*self.planes.values(), *self.killed]:
                control_planes.remove(session, plane.name)

    async def calm_down(self):
        """Let everything happen that is due, and check that all control planes say the same."""
        for plane in self.planes.values():
            register(self.store, plane.name)
        for plane in self.killed:
            register(self.store, plane.name, is_live=False)
        for stream in self.lingering:
            stream.end()
        for _ in range(2):
            for plane in self.planes.values():
                await plane.distributor.catch_up()
            for stream in self.streams.values():
                stream.receive()
                stream.answer(len(stream.waiting))
            for plane in self.planes.values():
                await plane.records.write_changes()
            for plane in self.planes.values():
                plane.enforcement()  # reads what the others have written
                plane.enforcements.settle()
        enforcements = [plane.enforcement() for plane in self.planes.values()]
        assert len(set(map(_omit_time, enforcements))) == 1, list(map(str, enforcements))
        assert enforcements[0].gateways == len(self.streams)
        versions = self.find_needed()
        is_rejected = any(
            versions.get(key) == rejection.version
            for stream in self.streams.values()
            for key, rejection in stream.gateway.rejected.items()
        )
        expected = Progress.ENFORCED if self.streams else Progress.NO_GATEWAY
        assert enforcements[0].progress is (Progress.REFUSED if is_rejected else expected)


def _omit_time(state):
    return (
        state.progress,
        state.gateways,
        state.enforced_on,
        state.reason,
        frozenset(state.waiting_for),
        state.disconnected,
    )


STEPS = st.one_of(
    st.tuples(st.sampled_from(["change", "change", "notice", "expire"]), st.just(""), st.just(0)),
    st.tuples(
        st.sampled_from(
            ["start", "kill", "catch up", "catch up", "write", "write", "settle", "settle", "silent", "seen"]
        ),
        st.sampled_from(PLANES),
        st.just(0),
    ),
    st.tuples(
        st.sampled_from(["connect", "move", "disconnect", "answer", "answer", "answer", "reject"]),
        st.sampled_from(GATEWAYS),
        st.sampled_from([0, 1, 9]),
    ),
)


@pytest.fixture(scope="module")
def pems():
    return [issue(f"h{number}.test").pem for number in range(3)]


@pytest.fixture
def enrollment(store):
    """Enroll the gateways, so that those that aren't connected are named."""
    with store.write() as session:
        for name in GATEWAYS:
            now = datetime.now(UTC)
            gateways.insert(session, Gateway(name, "default", name, Placement(DEFAULT_GROUP, {}), now, now))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, max_size=30))
def test_a_change_that_counts_as_enforced_is_in_force_everywhere(store, anna, pems, enrollment, steps):
    del enrollment

    async def story():
        world = World(store, anna, pems)
        for name, gateway in zip(PLANES, GATEWAYS, strict=False):
            await world.start(name)
            await world.take("connect", gateway, PLANES.index(name))
        await world.calm_down()
        for step in steps:
            await world.take(*step)
            world.check()
        await world.calm_down()
        world.remove_control_planes()

    play(story())


def test_a_gateway_that_moves_keeps_what_it_had(store, anna, pems, enrollment):
    """Its new control plane hasn't been notified of the change that it already has."""
    del enrollment

    async def story():
        world = World(store, anna, pems)
        for name in PLANES:
            await world.start(name)
        await world.take("connect", "one", 0)
        await world.take("connect", "two", 1)
        await world.calm_down()
        await world.take("change", "", 0)
        for name, gateway in zip(PLANES, GATEWAYS, strict=False):
            await world.take("catch up", name, 0)
            await world.take("answer", gateway, 9)
            await world.take("write", name, 0)
        world.planes["a"].enforcement()
        world.planes["a"].enforcements.settle()
        assert world.planes["a"].enforcement().progress is Progress.ENFORCED
        await world.take("move", "two", 2)
        await world.take("answer", "two", 9)
        world.check()
        world.remove_control_planes()

    play(story())
