"""Enrolling, joining, renewing and revoking gateways: who may connect with which certificate."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography import x509
from sqlalchemy import update
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
from holdfast.store.tables import GatewayAuthorityRow

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
def membership(store, enroll, clock):
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
        return Admissions(store, clock).authorize(read_fingerprint(member))

    return lambda member: asyncio.run(ask(member))


def read_fingerprint(member):
    return member.gateway.certificate.fingerprint


def list_events(store):
    with store.read() as session:
        return [(event.action, event.subject) for event in journal.list_audit_events(session, "default")]


def test_a_token_becomes_a_certificate_that_may_connect(store, enroll, clock, authorize, get):
    token = enroll(group="Europe", labels={"region": "eu"})
    assert get().assess_state(clock()) is GatewayState.WAITING
    machine = Machine()
    member = machine.join(store, token, clock())
    certificate = x509.load_pem_x509_certificate(member.certificate.encode())
    assert certificate.public_key() == machine.key.public_key()
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(member.authority.encode()))
    assert authorize(member) == Peer("eu-1", "Europe")
    assert get() == member.gateway
    assert get().placement.labels == {"region": "eu"}
    assert get().assess_state(clock()) is GatewayState.ENROLLED


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
    assert get().assess_state(clock()) is GatewayState.NOT_JOINED


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


def test_enrolling_again_changes_nothing_until_the_new_machine_joins(store, enroll, clock, membership, authorize, get):
    token = enroll(group="Asia")
    assert get().placement.group == "Default"
    assert authorize(membership) == Peer("eu-1", "Default")
    successor = Machine().join(store, token, clock())
    assert authorize(membership) is None
    assert authorize(successor) == Peer("eu-1", "Asia")


def test_a_revoked_gateway_is_rejected_and_its_name_is_free(store, enroll, clock, membership, authorize, get, revoke):
    token = enroll()
    revoke()
    assert authorize(membership) is None
    with pytest.raises(NotFound):
        get()
    with pytest.raises(JoinRefused):
        Machine().join(store, token, clock())
    again = Machine().join(store, enroll(), clock())
    assert authorize(again)
    assert authorize(membership) is None


def test_a_certificate_is_rejected_once_it_has_expired(clock, membership, authorize, get):
    clock.advance(days=30)
    assert authorize(membership) is None
    assert get().assess_state(clock()) is GatewayState.EXPIRED


def test_a_gateway_renews_its_certificate_and_may_use_the_old_one_until_it_expires(store, clock, membership, authorize):
    clock.advance(days=20)
    machine = Machine()
    renewal = renew(store, SEALING, read_fingerprint(membership), machine.request(), clock())
    assert x509.load_pem_x509_certificate(renewal.certificate.encode()).public_key() == machine.key.public_key()
    assert authorize(membership) == authorize(renewal) == Peer("eu-1", "Default")
    clock.advance(days=10)
    assert authorize(membership) is None
    assert authorize(renewal)


def test_a_gateway_that_lost_a_renewed_certificate_gets_another(store, clock, membership, authorize):
    first = renew_later(store, clock, membership)
    second = renew_later(store, clock, membership)
    assert authorize(first) is None
    assert authorize(membership)
    assert authorize(second)


def renew_later(store, clock, member):
    clock.advance(days=1)
    return renew(store, SEALING, read_fingerprint(member), Machine().request(), clock())


def test_a_gateway_cannot_renew_without_pause_or_with_a_rejected_certificate(store, clock, membership, revoke):
    with pytest.raises(RenewedJustNow):
        renew(store, SEALING, read_fingerprint(membership), Machine().request(), clock())
    clock.advance(days=1)
    with pytest.raises(UnusableRequest):
        renew(store, SEALING, read_fingerprint(membership), "no request", clock())
    revoke()
    with pytest.raises(RenewalRefused):
        renew(store, SEALING, read_fingerprint(membership), Machine().request(), clock())


@pytest.mark.parametrize("role", [Role.CREATOR, Role.PUBLISHER, Role.VIEWER])
def test_only_admins_of_the_default_organization_manage_gateways(store, clock, otto, anna, role):
    for who in (otto, Principal(anna.organization, "clara", ROLES[role])):
        context = context_of(store, who, clock())
        for attempt in (
            lambda context=context: enrollment.create_join_token(context, SEALING, "eu-1"),
            lambda context=context: statuses.list_for_operator(context, Sources("cp-1", Groups(), GatewayStates())),
            lambda context=context: enrollment.get_gateway(context, "eu-1"),
            lambda context=context: enrollment.revoke_gateway(context, "eu-1"),
        ):
            with pytest.raises(NotPermitted):
                attempt()


def test_gateways_are_listed_by_name(store, anna, clock, enroll):
    for name in ("us-1", "eu-2", "eu-1"):
        enroll(name)
    sources = Sources("cp-1", Groups(), GatewayStates())
    gateways = statuses.list_for_operator(context_of(store, anna, clock()), sources)
    assert [status.name for status in gateways] == ["eu-1", "eu-2", "us-1"]


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
    renew(store, SEALING, read_fingerprint(member), Machine().request(), clock())
    revoke()
    assert list_events(store) == [
        ("create gateway CA", "CN=Holdfast gateway CA"),
        ("enroll gateway", "eu-1"),
        ("join gateway", "eu-1"),
        ("renew gateway certificate", "eu-1"),
        ("revoke gateway", "eu-1"),
    ]
    content = storage.content()
    assert token.encode() not in content
    assert token.removeprefix("hfg_")[:32].encode() not in content


@pytest.mark.usefixtures("anna")
def test_the_ca_is_created_once_and_its_key_is_sealed(store, clock, storage):
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: get_authority(store, SEALING, clock()), range(4)))
    assert len({authority.certificate.fingerprint for authority in results}) == 1
    assert get_authority(store, SEALING, clock()) == results[0]
    with store.read() as session:
        row = authorities.get(session, "default")
    assert SEALING.open(row.sealed_key, "default", row.id) == results[0].key.der
    assert results[0].key.der not in storage.content()


def test_the_key_of_the_ca_follows_a_rotation_of_the_sealing_key(store, clock, membership):
    old, new = bytes(32), b"n" * 32
    assert reseal_keys(store, Sealing(lambda: (new, old)), clock()) == (1, 0)
    assert get_authority(store, Sealing(lambda: (new,)), clock()).pem == membership.authority
    with store.read() as session:
        ((organization, row, whose, sealed_key),) = inspection.list_sealed_secrets(session)
    assert whose == "the gateway CA"
    assert Sealing(lambda: (new,)).open(sealed_key, organization, row)


@pytest.mark.sqlite(reason="backups of SQLite are files, whose sealed keys are read without its tables' classes")
@pytest.mark.usefixtures("membership")
def test_the_sealed_key_of_the_ca_is_found_in_a_file(database):
    with open_to_read(database) as connection:
        (secret,) = list_sealed_secrets(connection)
    assert SEALING.open(secret.sealed, secret.organization, secret.row)
    with open_to_inspect(database) as session:
        assert [entry[2] for entry in inspection.list_sealed_secrets(session)] == ["the gateway CA"]


def test_a_ca_whose_key_is_lost_is_replaced_once_no_gateway_depends_on_it(store, anna, clock, membership, revoke):
    other_sealing = Sealing(lambda: (b"o" * 32,))
    for attempt in (
        lambda: issue_server_credential(store, other_sealing, clock()),
        lambda: renew(store, other_sealing, read_fingerprint(membership), Machine().request(), clock()),
        lambda: enrollment.create_join_token(context_of(store, anna, clock()), other_sealing, "eu-2"),
    ):
        with pytest.raises(AuthorityLost, match="revoke all gateways"):
            attempt()
    revoke()
    authority = get_authority(store, other_sealing, clock())
    assert authority.pem != membership.authority
    assert get_authority(store, other_sealing, clock()) == authority


@pytest.mark.usefixtures("membership")
def test_a_ca_whose_certificate_cannot_be_read_is_replaced_once_no_gateway_depends_on_it(store, clock, revoke):
    with store.write() as session:
        session.execute(update(GatewayAuthorityRow).values(der=b"damaged"))
    with pytest.raises(AuthorityLost, match=r"can't be read\. Restore"):
        get_authority(store, SEALING, clock())
    revoke()
    assert get_authority(store, SEALING, clock()) == get_authority(store, SEALING, clock())


def test_the_discovery_service_gets_its_certificate_from_the_same_ca(store, clock, membership):
    server, authority = issue_server_credential(store, SEALING, clock())
    assert authority.pem == membership.authority
    assert server.certificate.dns_names == ("discovery.holdfast.internal",)


def test_streams_end_when_their_certificate_is_no_longer_accepted(store, enroll, clock, membership, revoke):
    second = Machine().join(store, enroll("us-1"), clock())

    async def watch():
        admissions = Admissions(store, clock)
        endings = [admissions.follow_certificate(read_fingerprint(member)) for member in (membership, second)]
        task = asyncio.create_task(admissions.follow())
        await asyncio.to_thread(revoke)
        async with asyncio.timeout(30):
            await endings[0]
        assert not endings[1].done()
        late = admissions.follow_certificate(read_fingerprint(membership))  # after the revocation
        clock.advance(days=30)
        async with asyncio.timeout(30):
            await late
            await endings[1]
        task.cancel()

    asyncio.run(watch())
