"""Gateway identities: permissions, what is stored, and that keys are never revealed."""

from dataclasses import replace

import pytest
import structlog

from acting import context_of
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.gateway_identity import RequestDraft
from holdfast.certificates.errors import KeyMismatch
from holdfast.gateway.resources.resource import CLUSTER, SECRET
from holdfast.gateway.resources.tls import refuses_backend
from holdfast.server.clock import utc_now
from holdfast.services.access.accounts import find_session_principal
from holdfast.services.access.permissions import ROLES, Permission, Role
from holdfast.services.errors import (
    CertificateExpired,
    EndpointNeedsNoCertificate,
    NotFound,
    NotPermitted,
)
from holdfast.services.identities import gateway_identities as use
from holdfast.services.publishing.snapshot import read_everything
from holdfast.store import journal
from holdfast.store.access import accounts
from holdfast.store.access.accounts import User
from holdfast.store.identities import gateway_identities
from holdfast.store.sealing import CannotUnseal, Sealing
from issuing import DAY, answer, issue
from services.conftest import PIZZA
from services.control_plane import SEALING as OF_PLANE
from services.control_plane import control_plane, play
from services.published import list_names, list_secrets
from store.values import contents

CA = issue(ca=True, common_name="CA")
OWN = issue(common_name="own", by=CA)
KEY, NEW = b"k" * 32, b"n" * 32
SEALING = Sealing(lambda: (KEY,))
ORIGIN = "https://pizza.test"


def join_pem(leaf):
    return leaf.chain_pem + leaf.key_pem


@pytest.fixture
def present(store, clock):
    return lambda who, issued=OWN, url=PIZZA: (
        use.import_gateway_identity(context_of(store, who, clock()), SEALING, url, join_pem(issued), None).entry
    )


@pytest.fixture
def ask(store, clock):
    return lambda who, name="me": use.make_request(context_of(store, who, clock()), SEALING, PIZZA, RequestDraft(name))


@pytest.fixture
def import_answer(store, clock):
    return lambda who, data: use.import_answer(context_of(store, who, clock()), SEALING, PIZZA, data).entry


def read_identities(store, organization="default"):
    return {str(o): i for o, i in read_everything(store, SEALING, utc_now()).identities.get(organization, {}).items()}


def test_an_imported_identity_is_presented_only_at_its_origin(store, anna, publish, present):
    publish(anna, "Pizza", sandbox="https://sandbox.test")
    present(anna)
    identity_by_origin = read_identities(store)
    assert identity_by_origin.keys() == {ORIGIN}
    assert identity_by_origin[ORIGIN].key_pem == OWN.key_pem.decode()
    assert "PRIVATE" not in repr(identity_by_origin)


def test_another_organization_neither_sees_nor_presents_nor_changes_it(store, clock, anna, otto, publish, present):
    publish(anna, "Pizza")
    publish(otto, "Pizza")
    present(anna)
    assert use.get_gateway_identity(context_of(store, otto), PIZZA) is None
    assert read_identities(store, "other") == {}
    for change in (use.remove_gateway_identity, use.discard_request):
        with pytest.raises(NotFound):
            change(context_of(store, otto, clock()), PIZZA)
    mine, theirs = read_identities(store)[ORIGIN], present(otto)
    assert read_identities(store)[ORIGIN] == mine
    assert read_identities(store, "other")[ORIGIN].hash != mine.hash
    assert theirs.id != mine.id


def test_the_permission_is_checked_first(store, clock, anna, served_api, present, ask):
    del served_api
    present(anna)
    ask(anna)
    nobody = replace(anna, permissions=frozenset(Permission) - {Permission.MANAGE_GATEWAY_IDENTITIES})
    before = contents(store), use.get_gateway_identity(context_of(store, anna), PIZZA)
    for attempt in (
        lambda: use.import_gateway_identity(context_of(store, nobody, clock()), SEALING, "no url", b"", None),
        lambda: use.make_request(context_of(store, nobody, clock()), SEALING, "no url", RequestDraft("")),
        lambda: use.import_answer(context_of(store, nobody, clock()), SEALING, "no url", b""),
        lambda: use.discard_request(context_of(store, nobody, clock()), "no url"),
        lambda: use.remove_gateway_identity(context_of(store, nobody, clock()), "no url"),
    ):
        with pytest.raises(NotPermitted, match="client_certificates"):
            attempt()
    assert (contents(store), use.get_gateway_identity(context_of(store, nobody), PIZZA)) == before


def test_users_have_the_permissions_of_their_known_roles(runtime, store, clock, anna):
    with store.write() as session:
        for name, roles in (("few", frozenset()), ("all", frozenset({"viewer", "of tomorrow"}))):
            accounts.insert_user(session, User(name, anna.organization, name, "x", roles), clock())
    with store.read() as session:
        few, admin = (accounts.get_user_by_name(session, name) for name in ("few", "all"))
    token = {user.name: runtime.accounts.start_session(user, clock()) for user in (few, admin)}
    assert find_session_principal(runtime.store, token["few"], clock()).permissions == frozenset()
    assert find_session_principal(runtime.store, token["all"], clock()).permissions == ROLES[Role.VIEWER]


@pytest.mark.parametrize(
    ("url", "error"),
    [("https://nobody.test", InvalidField), ("http://pizza.test", EndpointNeedsNoCertificate), ("x", InvalidField)],
)
def test_only_https_endpoints_of_an_api_have_an_identity(anna, served_api, present, url, error):
    del served_api
    with pytest.raises(error):
        present(anna, OWN, url)


def test_an_expired_certificate_is_rejected(anna, served_api, present):
    del served_api
    with pytest.raises(CertificateExpired, match="every backend would reject it"):
        present(anna, issue(common_name="old", start=-9 * DAY, end=-DAY))


def test_a_request_stays_pending_until_its_signed_certificate_is_imported(
    store, anna, served_api, present, ask, import_answer
):
    del served_api
    present(anna)
    entry = ask(anna)
    assert (entry.own.subject, entry.pending.request.subject) == ("CN=own", "CN=me")
    assert [certificate.subject for certificate in read_identities(store)[ORIGIN].chain] == ["CN=own"]
    state = import_answer(anna, answer(entry.pending.request.pem, CA).chain_pem)
    assert (state.own.subject, state.pending) == ("CN=me", None)
    assert [certificate.subject for certificate in read_identities(store)[ORIGIN].chain] == ["CN=me"]


def test_an_import_leaves_a_request_pending(anna, served_api, present, ask, import_answer):
    del served_api
    pem = ask(anna).pending.request.pem
    assert present(anna).pending.request.pem == pem
    assert import_answer(anna, answer(pem, CA).pem).own.subject == "CN=me"


def test_a_certificate_signed_for_another_request_is_rejected(anna, served_api, ask, import_answer):
    del served_api
    first = ask(anna).pending.request.pem
    ask(anna)
    with pytest.raises(KeyMismatch):
        import_answer(anna, answer(first, CA).pem)


def test_a_discarded_request_is_deleted_and_the_current_identity_stays(store, clock, anna, served_api, present, ask):
    del served_api
    ask(anna)
    use.discard_request(context_of(store, anna, clock()), PIZZA)
    assert use.get_gateway_identity(context_of(store, anna), PIZZA) is None
    present(anna)
    ask(anna)
    use.discard_request(context_of(store, anna, clock()), PIZZA)
    assert use.get_gateway_identity(context_of(store, anna), PIZZA).own.subject == "CN=own"
    with pytest.raises(NotFound):
        use.discard_request(context_of(store, anna, clock()), PIZZA)


@pytest.mark.parametrize(
    "draft",
    [
        RequestDraft(""),
        RequestDraft("x" * 65),
        RequestDraft("a\nb"),
        RequestDraft("a", ["192.0.2.1"]),
        RequestDraft("a", ["not a host"]),
        RequestDraft("a", [f"{n}.test" for n in range(21)]),
        RequestDraft("a", (), "rsa-1024"),
    ],
)
def test_an_invalid_request_is_rejected(store, clock, anna, served_api, draft):
    del served_api
    with pytest.raises(InvalidField):
        use.make_request(context_of(store, anna, clock()), SEALING, PIZZA, draft)
    assert use.get_gateway_identity(context_of(store, anna), PIZZA) is None


def test_if_a_key_cannot_be_decrypted_only_the_backends_of_its_origin_are_refused(store, anna, publish, present):
    api, other_api = publish(anna, "Pizza"), publish(anna, "Pasta", "https://pasta.test")
    entry = present(anna)
    present(anna, issue(common_name="pasta"), "https://pasta.test")
    with store.write() as session:
        gateway_identities.save(session, replace(entry, sealed_key=entry.sealed_key[:-1] + b"x"))
    with structlog.testing.capture_logs() as logs:
        snapshot = read_everything(store, SEALING, utc_now())
    assert (
        {str(origin) for origin in snapshot.trust["default"]} == {"https://pasta.test"} == set(read_identities(store))
    )
    assert [(log["event"], log["origin"]) for log in logs] == [("gateway identity cannot be decrypted", ORIGIN)]

    async def story():
        async with control_plane(store) as plane:
            clusters = [resource for resource in (await plane.published()).values() if resource.type_url == CLUSTER]
            assert len(clusters) == 2
            assert all(map(refuses_backend, clusters)), "sealed with another key than this control plane has"
            assert str(plane.enforcement(ORIGIN)) == (
                "Gateways refuse this backend. The gateway identity can't be used: the sealing key that it was "
                "sealed with is missing. Import it again, or put back the previous sealing key."
            )

    play(story())
    assert api.id != other_api.id


def test_a_key_of_another_row_is_not_decrypted(store, anna, publish, present):
    publish(anna, "Pizza")
    publish(anna, "Pasta", "https://pasta.test")
    one, two = present(anna), present(anna, issue(common_name="pasta"), "https://pasta.test")
    with store.write() as session:
        gateway_identities.save(session, replace(one, sealed_key=two.sealed_key))
    assert read_identities(store).keys() == {"https://pasta.test"}


def test_all_keys_are_encrypted_again_in_one_transaction(store, clock, anna, otto, publish, present, ask):
    publish(anna, "Pizza")
    publish(otto, "Pizza")
    first = present(anna)
    ask(anna)
    present(otto)
    assert use.reseal_keys(store, Sealing(lambda: (NEW, KEY)), clock()) == (3, 0)
    after = use.get_gateway_identity(context_of(store, anna), PIZZA)
    new = Sealing(lambda: (NEW,))
    assert new.open(after.sealed_key, "default", after.id) == SEALING.open(first.sealed_key, "default", first.id)
    assert new.open(after.pending.sealed_key, "default", after.id)
    with pytest.raises(CannotUnseal):
        SEALING.open(after.sealed_key, "default", after.id)
    assert use.reseal_keys(store, SEALING, clock()) == (0, 3)
    assert use.get_gateway_identity(context_of(store, anna), PIZZA) == after


def test_an_interrupted_key_rotation_changes_nothing(store, clock, anna, publish, present):
    publish(anna, "Pizza")
    publish(anna, "Pasta", "https://pasta.test")
    before = present(anna), present(anna, issue(common_name="pasta"), "https://pasta.test")

    class PowerCut(Sealing):
        count = 0

        def seal(self, *arguments):
            self.count += 1
            if self.count == 2:
                raise KeyboardInterrupt
            return super().seal(*arguments)

    with pytest.raises(KeyboardInterrupt):
        use.reseal_keys(store, PowerCut(lambda: (NEW, KEY)), clock())
    assert (
        tuple(use.get_gateway_identity(context_of(store, anna), url) for url in (PIZZA, "https://pasta.test")) == before
    )


def test_no_key_is_in_the_audit_log_the_logs_or_the_database(store, storage, anna, served_api, present, ask):
    del served_api
    with structlog.testing.capture_logs() as logs:
        present(anna)
        pending = ask(anna).pending
        read_identities(store)
    key = SEALING.open(pending.sealed_key, "default", use.get_gateway_identity(context_of(store, anna), PIZZA).id)
    number = OWN.key.private_numbers().private_value.to_bytes(32, "big")
    with store.read() as session:
        text = repr(journal.list_audit_events(session, "default")) + repr(logs)
    assert "import client certificate" in text
    assert "request client certificate" in text
    assert "PRIVATE" not in text
    content = storage.content()
    assert OWN.der in content
    for secret in (number, number.hex().encode(), OWN.key_pem.splitlines()[1], key[36:68]):
        assert secret not in content


def test_a_new_certificate_changes_cluster_and_secret(store, clock, anna, served_api):
    del served_api

    async def story():
        async with control_plane(store) as plane:
            before = await plane.published()
            use.import_gateway_identity(context_of(store, anna, clock()), OF_PLANE, PIZZA, join_pem(OWN), None)
            one = await plane.published()
            use.import_gateway_identity(
                context_of(store, anna, clock()), OF_PLANE, PIZZA, join_pem(issue(common_name="b")), None
            )
            two = await plane.published()
            use.remove_gateway_identity(context_of(store, anna, clock()), PIZZA)
            return before, one, two, await plane.published()

    before, one, two, after = play(story())

    def versions(resources):
        return {name: resource.version for (kind, name), resource in resources.items() if kind == CLUSTER}

    def clients(resources):
        return {name for name in list_names(resources, SECRET) if name.startswith("client/")}

    assert versions(before) == versions(after)
    assert len({tuple(versions(resources).values()) for resources in (before, one, two)}) == 3
    assert (clients(before), len(clients(one)), len(clients(two) - clients(one))) == (set(), 1, 1)
    assert list_secrets(one, list_names(one, CLUSTER)) <= list_names(one, SECRET)
