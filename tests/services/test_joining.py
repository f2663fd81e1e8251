"""Enrolling, joining, renewing and revoking gateways: who may connect with which certificate."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography import x509
from structlog.testing import CapturingLogger

from acting import context_of
from enrolling import SEALING, Machine
from holdfast.apis.gateways.gateway import MAX_GATEWAYS, GatewayState
from holdfast.apis.gateways.group import Group
from holdfast.certificates.gateway_certificates import UnusableRequest
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.peer import Peer
from holdfast.services.access.attempts import FREE, Attempts
from holdfast.services.access.permissions import ROLES, Role
from holdfast.services.access.principal import Principal
from holdfast.services.errors import (
    Conflict,
    JoinRefused,
    NotFound,
    NotPermitted,
    RenewalRefused,
    RenewedJustNow,
    TooManyAttempts,
)
from holdfast.services.gateways import enrollment, joining, statuses
from holdfast.services.gateways.admissions import Admissions
from holdfast.services.gateways.authority import AuthorityLost, get_authority, issue_server_credential
from holdfast.services.gateways.joining import join, renew
from holdfast.services.gateways.statuses import Sources
from holdfast.services.identities.gateway_identities import reseal_keys
from holdfast.store import inspection, journal
from holdfast.store.gateways import authorities, groups
from holdfast.store.inspection import open_to_inspect
from holdfast.store.recovery.contents import list_sealed_secrets
from holdfast.store.sealing import Sealing
from holdfast.store.sqlite.files import open_to_read

HOUR = timedelta(hours=1)


@pytest.fixture
def enroll(store, anna, clock):
    """Enroll a gateway and return the text of its token; there are groups Europe and Asia."""
    with store.write() as session:
        for group in ("Europe", "Asia"):
            groups.insert(session, Group(group, clock(), clock()))
    return lambda name="eu-1", **more: (
        enrollment.create_join_token(context_of(store, anna, clock()), SEALING, name, **more).token
    )


@pytest.fixture
def joined(store, enroll, clock):
    """A gateway that has joined."""
    return Machine().join(store, enroll(), clock())


@pytest.fixture
def get(store, anna, clock):
    return lambda name="eu-1": enrollment.get_gateway(context_of(store, anna, clock()), name)


@pytest.fixture
def revoke(store, anna, clock):
    return lambda name="eu-1": enrollment.revoke_gateway(context_of(store, anna, clock()), name)


@pytest.fixture
def authorize(store, clock):
    """Return the gateway that may connect with the certificate of a membership."""

    async def ask(member):
        return Admissions(store, clock).authorize(fingerprint(member))

    return lambda member: asyncio.run(ask(member))


def fingerprint(member):
    return member.gateway.certificate.fingerprint


def events(store):
    with store.read() as session:
        return [(event.action, event.subject) for event in journal.list_audit_events(session, "default")]


def test_a_token_becomes_a_certificate_that_may_connect(store, enroll, clock, authorize, get):
    token = enroll(group="Europe", labels={"region": "eu"})
    assert get().state(clock()) is GatewayState.WAITING
    machine = Machine()
    member = machine.join(store, token, clock())
    certificate = x509.load_pem_x509_certificate(member.certificate.encode())
    assert certificate.public_key() == machine.key.public_key()
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(member.authority.encode()))
    assert authorize(member) == Peer("eu-1", "Europe")
    assert get() == member.gateway
    assert get().placement.labels == {"region": "eu"}
    assert get().state(clock()) is GatewayState.ENROLLED


def test_a_token_works_once_and_the_log_says_when_it_is_used_again(store, enroll, clock, authorize, monkeypatch):
    log, token = CapturingLogger(), enroll()
    monkeypatch.setattr(joining, "log", log)
    member = Machine().join(store, token, clock())
    with pytest.raises(JoinRefused):
        Machine().join(store, token, clock(), "192.0.2.66")
    (call,) = log.calls
    assert call.kwargs == {"gateway": "eu-1", "why": "used already", "address": "192.0.2.66"}
    assert authorize(member)


def test_of_two_machines_with_one_token_exactly_one_joins(store, enroll, clock):
    get_authority(store, SEALING, clock())
    for turn in range(5):
        token = enroll(f"eu-{turn}")

        def attempt(_, token=token):
            try:
                return Machine().join(store, token, clock())
            except JoinRefused:
                return None

        with ThreadPoolExecutor(4) as threads:
            assert len([member for member in threads.map(attempt, range(4)) if member]) == 1


def test_a_token_expires_after_an_hour(store, enroll, clock, get):
    token = enroll()
    clock.advance(hours=1)
    with pytest.raises(JoinRefused):
        Machine().join(store, token, clock())
    assert get().state(clock()) is GatewayState.NOT_JOINED


def test_a_second_token_replaces_the_first(store, enroll, clock):
    first, second = enroll(), enroll()
    with pytest.raises(JoinRefused):
        Machine().join(store, first, clock())
    assert Machine().join(store, second, clock())


def test_a_request_that_cannot_be_used_does_not_use_up_the_token(store, enroll, clock):
    token = enroll()
    with pytest.raises(UnusableRequest):
        join(store, SEALING, Attempts(store, SEALING), token, "no request", "192.0.2.1", clock())
    assert Machine().join(store, token, clock())


def test_guessing_tokens_is_slowed_down_for_that_address_only(store, enroll, clock):
    attempts, token = Attempts(store, SEALING), enroll()

    def attempt(text, address):
        return join(store, SEALING, attempts, text, Machine().request(), address, clock())

    for number in range(FREE + 1):
        with pytest.raises(JoinRefused):
            attempt(f"hfg_{number}", "192.0.2.66")
    with pytest.raises(TooManyAttempts):
        attempt(token, "192.0.2.66")
    assert attempt(token, "192.0.2.1")


def test_enrolling_again_changes_nothing_until_the_new_machine_joins(store, enroll, clock, joined, authorize, get):
    token = enroll(group="Asia")
    assert get().placement.group == "Default"
    assert authorize(joined) == Peer("eu-1", "Default")
    successor = Machine().join(store, token, clock())
    assert authorize(joined) is None
    assert authorize(successor) == Peer("eu-1", "Asia")


def test_a_revoked_gateway_is_rejected_and_its_name_is_free(store, enroll, clock, joined, authorize, get, revoke):
    token = enroll()
    revoke()
    assert authorize(joined) is None
    with pytest.raises(NotFound):
        get()
    with pytest.raises(JoinRefused):
        Machine().join(store, token, clock())
    again = Machine().join(store, enroll(), clock())
    assert authorize(again)
    assert authorize(joined) is None


def test_a_certificate_is_rejected_once_it_has_expired(clock, joined, authorize, get):
    clock.advance(days=30)
    assert authorize(joined) is None
    assert get().state(clock()) is GatewayState.EXPIRED


def test_a_gateway_renews_its_certificate_and_may_use_the_old_one_until_it_expires(store, clock, joined, authorize):
    clock.advance(days=20)
    machine = Machine()
    renewed = renew(store, SEALING, fingerprint(joined), machine.request(), clock())
    assert x509.load_pem_x509_certificate(renewed.certificate.encode()).public_key() == machine.key.public_key()
    assert authorize(joined) == authorize(renewed) == Peer("eu-1", "Default")
    clock.advance(days=10)
    assert authorize(joined) is None
    assert authorize(renewed)


def test_a_gateway_that_lost_a_renewed_certificate_gets_another(store, clock, joined, authorize):
    lost = renew_later(store, clock, joined)
    kept = renew_later(store, clock, joined)
    assert authorize(lost) is None
    assert authorize(joined)
    assert authorize(kept)


def renew_later(store, clock, member):
    clock.advance(days=1)
    return renew(store, SEALING, fingerprint(member), Machine().request(), clock())


def test_a_gateway_cannot_renew_without_pause_or_with_a_rejected_certificate(store, clock, joined, revoke):
    with pytest.raises(RenewedJustNow):
        renew(store, SEALING, fingerprint(joined), Machine().request(), clock())
    clock.advance(days=1)
    with pytest.raises(UnusableRequest):
        renew(store, SEALING, fingerprint(joined), "no request", clock())
    revoke()
    with pytest.raises(RenewalRefused):
        renew(store, SEALING, fingerprint(joined), Machine().request(), clock())


@pytest.mark.parametrize("role", [Role.CREATOR, Role.PUBLISHER, Role.VIEWER])
def test_only_admins_of_the_default_organization_manage_gateways(store, clock, otto, anna, role):
    for who in (otto, Principal(anna.organization, "clara", ROLES[role])):
        context = context_of(store, who, clock())
        for refused in (
            lambda context=context: enrollment.create_join_token(context, SEALING, "eu-1"),
            lambda context=context: statuses.list_for_operator(context, Sources("cp-1", Groups(), GatewayStates())),
            lambda context=context: enrollment.get_gateway(context, "eu-1"),
            lambda context=context: enrollment.revoke_gateway(context, "eu-1"),
        ):
            with pytest.raises(NotPermitted):
                refused()


def test_gateways_are_listed_by_name(store, anna, clock, enroll):
    for name in ("us-1", "eu-2", "eu-1"):
        enroll(name)
    every = statuses.list_for_operator(context_of(store, anna, clock()), Sources("cp-1", Groups(), GatewayStates()))
    assert [status.name for status in every] == ["eu-1", "eu-2", "us-1"]


def test_the_number_of_gateways_is_limited(enroll, monkeypatch):
    assert MAX_GATEWAYS == 1_000
    monkeypatch.setattr(enrollment, "MAX_GATEWAYS", 1)
    enroll("eu-1")
    enroll("eu-1")
    with pytest.raises(Conflict, match="Revoke one first"):
        enroll("eu-2")


def test_everything_is_in_the_audit_log_without_secrets(store, enroll, clock, revoke, storage):
    token = enroll()
    member = Machine().join(store, token, clock())
    clock.advance(days=1)
    renew(store, SEALING, fingerprint(member), Machine().request(), clock())
    revoke()
    assert events(store) == [
        ("create gateway CA", "CN=Holdfast gateway CA"),
        ("enroll gateway", "eu-1"),
        ("join gateway", "eu-1"),
        ("renew gateway certificate", "eu-1"),
        ("revoke gateway", "eu-1"),
    ]
    stored = storage.content()
    assert token.encode() not in stored
    assert token.removeprefix("hfg_")[:32].encode() not in stored


@pytest.mark.usefixtures("anna")
def test_the_ca_is_created_once_and_its_key_is_sealed(store, clock, storage):
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: get_authority(store, SEALING, clock()), range(4)))
    assert len({each.certificate.fingerprint for each in made}) == 1
    assert get_authority(store, SEALING, clock()) == made[0]
    with store.read() as session:
        sealed = authorities.get(session, "default")
    assert SEALING.open(sealed.sealed_key, "default", sealed.id) == made[0].key.der
    assert made[0].key.der not in storage.content()


def test_the_key_of_the_ca_follows_a_rotation_of_the_sealing_key(store, clock, joined):
    old, new = bytes(32), b"n" * 32
    assert reseal_keys(store, Sealing(lambda: (new, old)), clock()) == (1, 0)
    assert get_authority(store, Sealing(lambda: (new,)), clock()).pem == joined.authority
    with store.read() as session:
        ((organization, row, whose, sealed),) = inspection.list_sealed_secrets(session)
    assert whose == "the gateway CA"
    assert Sealing(lambda: (new,)).open(sealed, organization, row)


@pytest.mark.sqlite(reason="backups of SQLite are files, whose sealed keys are read without its tables' classes")
@pytest.mark.usefixtures("joined")
def test_the_sealed_key_of_the_ca_is_found_in_a_file(database):
    with open_to_read(database) as connection:
        (sealed,) = list_sealed_secrets(connection)
    assert SEALING.open(sealed.sealed, sealed.organization, sealed.row)
    with open_to_inspect(database) as session:
        assert [entry[2] for entry in inspection.list_sealed_secrets(session)] == ["the gateway CA"]


def test_a_ca_whose_key_is_lost_is_replaced_once_no_gateway_depends_on_it(store, anna, clock, joined, revoke):
    other = Sealing(lambda: (b"o" * 32,))
    for attempt in (
        lambda: issue_server_credential(store, other, clock()),
        lambda: renew(store, other, fingerprint(joined), Machine().request(), clock()),
        lambda: enrollment.create_join_token(context_of(store, anna, clock()), other, "eu-2"),
    ):
        with pytest.raises(AuthorityLost, match="revoke all gateways"):
            attempt()
    revoke()
    replaced = get_authority(store, other, clock())
    assert replaced.pem != joined.authority
    assert get_authority(store, other, clock()) == replaced


def test_the_discovery_service_gets_its_certificate_from_the_same_ca(store, clock, joined):
    server, authority = issue_server_credential(store, SEALING, clock())
    assert authority.pem == joined.authority
    assert server.certificate.dns_names == ("discovery.holdfast.internal",)


def test_streams_end_when_their_certificate_is_no_longer_accepted(store, enroll, clock, joined, revoke):
    other = Machine().join(store, enroll("us-1"), clock())

    async def watch():
        admissions = Admissions(store, clock)
        followed = [admissions.follow_certificate(fingerprint(member)) for member in (joined, other)]
        task = asyncio.create_task(admissions.follow())
        await asyncio.to_thread(revoke)
        async with asyncio.timeout(30):
            await followed[0]
        assert not followed[1].done()
        late = admissions.follow_certificate(fingerprint(joined))  # after the revocation
        clock.advance(days=30)
        async with asyncio.timeout(30):
            await late
            await followed[1]
        task.cancel()

    asyncio.run(watch())
