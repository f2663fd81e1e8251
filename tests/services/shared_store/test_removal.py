"""Removed certificates are listed for 30 days and can be restored."""

from dataclasses import replace

import pytest

from acting import context_of
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import Removal
from holdfast.services.catalog import apis, deletion
from holdfast.services.errors import (
    CertificateExpired,
    Conflict,
    IndistinguishableCertificates,
    NotFound,
)
from holdfast.services.trust import endpoint_certificates, removal, rotation
from holdfast.store.trust.removed_certificates import KEEP_REMOVED
from issuing import DAY, issue
from services.alias import URL, Alias
from store.values import contents, read


@pytest.fixture
def restore(store, anna, a):
    """Restore the certificate that was removed last, or an earlier one."""

    def restore(alias=None, number=0, who=anna):
        removed_entries, _ = removal.list_removed(context_of(store, anna, a.clock()))
        return removal.restore_certificate(
            context_of(store, who, a.clock.advance(seconds=1)), removed_entries[number].id, alias
        )

    return restore


@pytest.fixture
def reject(store, anna, restore):
    """Check that restoring raises *error* and changes nothing."""

    def check(error, match, **options):
        before = contents(store, anna.organization)
        with pytest.raises(error, match=match) as refusal:
            restore(**options)
        assert contents(store, anna.organization) == before
        return refusal.value

    return check


def delete(a, alias="a"):
    return endpoint_certificates.delete_certificate(context_of(a.store, a.who, a.clock.advance(seconds=1)), alias)


def test_a_deleted_entry_is_listed_and_restored_unchanged(a, restore):
    a.begin("1")
    a.replace("2", keep=True)
    entry = delete(a)
    (removal_record,), total = removal.list_removed(context_of(a.store, a.who, a.clock()))
    assert (total, removal_record.alias, removal_record.endpoint, removal_record.why) == (1, "a", URL, Removal.DELETED)
    assert (removal_record.removed_by, removal_record.removed_at) == ("anna", a.clock())
    assert removal.find_restore_end(removal_record) == a.clock() + KEEP_REMOVED
    assert (removal_record.certificates, removal_record.previous) == (entry.certificates, entry.previous)
    entry_again = restore()
    assert entry_again == replace(entry, updated_at=a.clock())
    assert (a.entry, a.removals) == (entry_again, [])
    assert (a.last_event.action, a.last_event.subject) == ("restore certificate", "a")
    assert entry.certificates[0].fingerprint in a.last_event.detail


def test_a_restored_entry_can_still_be_undone(a, restore):
    a.begin("1")
    a.replace("2")
    delete(a)
    restore()
    a.undo()
    assert a.state == ("1", "")


@pytest.mark.parametrize("keep", [True, False])
def test_replaced_and_retired_certificates_are_restored_as_previous(a, restore, keep):
    a.begin("1")
    a.replace("2", keep=keep)
    if keep:
        a.retire()
    replaced_at = a.entry.replaced_at
    restore()
    assert (a.state, a.removals, a.entry.replaced_at) == (("2", "1"), [], replaced_at)


def test_several_certificates_can_be_restored_as_previous(a, restore):
    a.begin("1")
    a.replace("2", keep=True)
    a.replace("3")
    a.replace("4")
    for _ in range(2):
        restore()
    assert (a.state, a.removals) == (("4", "3 2 1"), [])


def test_too_many_previous_certificates_are_rejected(a, reject):
    files = [b"".join(issue("pizza.test").pem for _ in range(60)) for _ in range(2)]
    a.begin("1")
    for data in (*files, issue("pizza.test").pem):
        endpoint_certificates.replace_certificate(context_of(a.store, a.who, a.clock.advance(seconds=1)), "a", data)
    removed_entries, _ = removal.list_removed(context_of(a.store, a.who, a.clock()))
    removal.restore_certificate(context_of(a.store, a.who, a.clock()), removed_entries[0].id)
    reject(Conflict, "more than 100 previous")


def test_a_replaced_certificate_restores_its_deleted_alias(a, restore):
    a.begin("1")
    a.replace("2")
    entry = delete(a)
    new_entry = restore(number=1)
    assert (a.state, new_entry.id != entry.id, new_entry.endpoint) == (("1", ""), True, URL)
    assert a.removals == [(Removal.DELETED, "2", "")]


def test_a_certificate_can_be_restored_under_a_new_alias(a, restore):
    a.begin("1")
    a.replace("2")
    new_entry = restore(alias=" b ")
    assert (new_entry.alias, a.join_names(new_entry.certificates), a.state) == ("b", "1", ("2", ""))


def test_a_taken_alias_is_rejected_and_a_free_one_accepted(a, restore, reject):
    a.begin("1")
    delete(a)
    a.begin("2")
    assert reject(Conflict, "already exists. Restore it under another alias").field == "alias"
    assert reject(Conflict, "already exists", alias="a").field == "alias"
    reject(InvalidField, "Aliases can", alias="a b")
    reject(InvalidField, "alias is missing", alias="")
    assert a.join_names(restore(alias="b").certificates) == "1"
    assert a.state == ("2", "")


def test_a_certificate_is_not_restored_twice(a, restore):
    a.begin("1")
    delete(a)
    (removal_record,), _ = removal.list_removed(context_of(a.store, a.who, a.clock()))
    restore()
    with pytest.raises(NotFound, match="removed certificate"):
        removal.restore_certificate(context_of(a.store, a.who, a.clock()), removal_record.id, "b")


def test_removed_certificates_are_gone_after_30_days(a):
    a.begin("1")
    delete(a)
    (removal_record,), _ = removal.list_removed(context_of(a.store, a.who, a.clock.advance(days=30, seconds=-1)))
    assert removal.list_removed(context_of(a.store, a.who, a.clock.advance(seconds=1))) == ([], 0)
    with pytest.raises(NotFound):
        removal.restore_certificate(context_of(a.store, a.who, a.clock()), removal_record.id)


def test_removed_certificates_of_another_organization_are_not_found(a, otto, reject):
    a.begin("1")
    delete(a)
    theirs = Alias(a.store, otto, a.clock)
    reject(NotFound, "No removed certificate", who=otto)
    assert theirs.removals == []


def test_an_endpoint_that_no_api_has_is_rejected(a, restore, reject):
    a.begin("1")
    delete(a)
    (api,), _ = apis.list_apis(context_of(a.store, a.who))
    deletion.delete_api(context_of(a.store, a.who, a.clock()), api.id)
    assert reject(InvalidField, "No API has an endpoint").field == "endpoint"
    apis.create_api(context_of(a.store, a.who, a.clock()), apis.ApiDraft("New", "/new", "1", URL))
    restore()
    assert a.state == ("1", "")


def test_an_expired_certificate_is_not_restored(a, reject):
    a.begin("1", end=2 * DAY)
    a.replace("2", keep=True)
    a.retire()
    a.clock.advance(days=3)
    reject(CertificateExpired, "expired on")


def test_an_indistinguishable_certificate_is_not_restored(a, reject, store, anna):
    a.begin("1", identified=False)
    a.replace("2", identified=False)
    assert reject(IndistinguishableCertificates, "a already has").overlap
    rotation.undo_replacement(context_of(store, anna, a.clock.advance(seconds=1)), "a")
    assert a.state == ("1", "")
    reject(IndistinguishableCertificates, "a already has", alias="b")


def test_a_certificate_indistinguishable_from_a_previous_one_is_not_restored(a, restore, reject):
    a.begin("1", identified=False)
    a.replace("2", identified=False)
    a.replace("3", common_name="else")
    restore()
    assert a.state == ("3", "2")
    assert reject(IndistinguishableCertificates, "a already has").overlap


def test_a_restored_certificate_is_identical_to_the_byte(a, restore):
    bundle = [issue("pizza.test"), issue("pizza.test", ca=True), issue("else.test")]
    data = b"".join(leaf.pem for leaf in bundle)
    endpoint_certificates.import_certificate(context_of(a.store, a.who, a.clock()), "a", URL, data)
    delete(a)
    assert restore().certificates == tuple(read(leaf) for leaf in bundle)
