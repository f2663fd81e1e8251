"""Caller certificates: what gateways accept, and when."""

import pytest

from acting import context_of
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.caller_certificate import (
    MAX_CALLERS,
    AcceptedCaller,
    require_certificate,
    requires_certificate,
)
from holdfast.server.clock import utc_now
from holdfast.services.access.principal import Principal
from holdfast.services.catalog import apis, deletion
from holdfast.services.errors import (
    Conflict,
    MutualTlsMissing,
    NotFound,
    NotPermitted,
    TooManyCallers,
)
from holdfast.services.identities import caller_certificates
from holdfast.services.publishing.snapshot import read_changed, read_everything
from holdfast.store import journal
from holdfast.store.identities import caller_certificates as stored
from issuing import DAY, issue
from services.control_plane import SEALING
from store.values import make_caller, read

ANNA = issue(common_name="anna")


@pytest.fixture
def accept(store, clock):
    """Accept a caller certificate."""
    return lambda who, api, data=ANNA.pem, alias="partner": caller_certificates.accept_certificate(
        context_of(store, who, clock(), asks_callers=True), api.id, alias, "Gold", data
    )


def read_callers(store, who, api):
    return read_everything(store, SEALING, utc_now()).callers.get((who.organization, api.id))


def accept_caller(entry):
    return AcceptedCaller(entry.certificate.fingerprint, entry.certificate.not_before, entry.certificate.not_after)


def read_last_change(store):
    with store.read() as session:
        return journal.get_latest_change(session)


def test_gateways_get_the_fingerprints_only_for_apis_that_require_a_certificate(
    store, anna, served_api, publish, accept
):
    open_api = publish(anna, "Open")
    before = read_last_change(store)
    entry = accept(anna, served_api)
    assert read_callers(store, anna, served_api) == {accept_caller(entry)}
    assert read_callers(store, anna, open_api) is None
    snapshot = read_changed(store, SEALING, before, utc_now())
    assert snapshot.callers == {(anna.organization, served_api.id): {accept_caller(entry)}}
    assert all(api.requires_certificate for api in snapshot.apis[anna.organization, served_api.id])
    caller_certificates.delete_certificate(context_of(store, anna, entry.created_at), served_api.id, "partner")
    assert read_callers(store, anna, served_api) == frozenset()


def test_gateways_also_get_certificates_that_are_not_valid_yet(store, anna, served_api, clock):
    later = make_caller(served_api, leaf=issue(start=DAY, end=2 * DAY))
    with store.write() as session:
        stored.insert(session, later)
    with store.read() as session:
        assert stored.find_accepted(session, anna.organization, {served_api.id}) == {
            served_api.id: {accept_caller(later)}
        }
    assert later.certificate.not_before > clock()


def test_an_api_has_a_limited_number_of_caller_certificates(store, anna, served_api, accept):
    certificate = read(ANNA)
    with store.write() as session:
        for number in range(MAX_CALLERS):
            stored.insert(session, make_caller(served_api, f"a{number}", issue(common_name=f"{number}")))
    with pytest.raises(TooManyCallers):
        accept(anna, served_api)
    with store.read() as session:
        matches, count = stored.find(session, anna.organization, served_api.id)
    assert count == MAX_CALLERS
    assert certificate not in [match.certificate for match in matches]


def test_another_organization_finds_nothing(store, anna, otto, served_api, accept, clock):
    accept(anna, served_api)
    with pytest.raises(NotFound):
        caller_certificates.list_certificates(context_of(store, otto), served_api.id)
    with pytest.raises(NotFound):
        accept(otto, served_api, issue().pem)
    with pytest.raises(NotFound):
        caller_certificates.replace_certificate(context_of(store, otto, clock()), served_api.id, "partner", None, "x")
    with pytest.raises(NotFound):
        caller_certificates.delete_certificate(context_of(store, otto, clock()), served_api.id, "partner")


def test_each_use_case_needs_its_permission(store, served_api, accept, anna, clock):
    accept(anna, served_api)
    nobody = Principal(anna.organization, "nobody", frozenset())
    for ask in (
        lambda: caller_certificates.list_certificates(context_of(store, nobody), served_api.id),
        lambda: caller_certificates.get_certificate(context_of(store, nobody), served_api.id, "partner"),
        lambda: accept(nobody, served_api, issue().pem, "other"),
        lambda: caller_certificates.replace_certificate(
            context_of(store, nobody, clock()), served_api.id, "partner", None, "x"
        ),
        lambda: caller_certificates.delete_certificate(context_of(store, nobody, clock()), served_api.id, "partner"),
    ):
        with pytest.raises(NotPermitted):
            ask()


def test_an_api_cannot_require_certificates_unless_gateways_request_them(store, anna, served_api, clock):
    """The default of the context is that gateways don't request caller certificates."""
    with pytest.raises(MutualTlsMissing):
        apis.change_api(context_of(store, anna, clock()), served_api.id, members={"securityScheme": ["mutualssl"]})
    draft = apis.ApiDraft("New", "/new", "1", members={"securityScheme": ["mutualssl"]})
    with pytest.raises(MutualTlsMissing):
        apis.create_api(context_of(store, anna, clock()), draft)


def test_an_api_with_caller_certificates_cannot_stop_requiring_them(store, anna, served_api, accept, clock):
    accept(anna, served_api)
    with pytest.raises(InvalidField):
        apis.change_api(context_of(store, anna, clock()), served_api.id, members={"securityScheme": None})
    with pytest.raises(Conflict):
        accept(anna, served_api, alias="again")
    assert apis.get_api(context_of(store, anna), served_api.id).requires_certificate


def test_the_caller_certificates_of_a_deleted_api_are_deleted(store, anna, served_api, accept, clock):
    accept(anna, served_api)
    deletion.delete_api(context_of(store, anna, clock()), served_api.id)
    with store.read() as session:
        assert stored.find(session, anna.organization, served_api.id) == ([], 0)


@pytest.mark.parametrize(
    ("scheme", "requires"),
    [
        (["mutualssl"], True),
        (["oauth2", " MutualSSL "], True),
        (["mutualssl_mandatory"], True),
        (["oauth2", "mutual"], False),
        ([], False),
        (None, False),
        ("mutualssl", False),
        ([None, 1, {}], False),
    ],
)
def test_the_security_scheme_decides_whether_a_certificate_is_required(scheme, requires):
    members = {"securityScheme": scheme}
    assert requires_certificate(members) is requires
    assert requires_certificate(require_certificate(members))
