"""Every control plane of a database needs the sealing key that its secrets are sealed with."""

import pytest

from holdfast.files.sealing_keys import make_key
from holdfast.server.clock import utc_now
from holdfast.services.control_planes.sealing_key import check_sealing_key, replace_sealed_value
from holdfast.services.gateways.authority import get_authority
from holdfast.store.sealing import CannotUnseal, Sealing


def make_sealing(*keys):
    return Sealing(lambda: keys)


def test_the_first_control_plane_decides_on_the_key(store):
    key, other_key = make_key(), make_key()
    check_sealing_key(store, make_sealing(key))
    check_sealing_key(store, make_sealing(key))
    check_sealing_key(store, make_sealing(other_key, key))  # during a rotation
    with pytest.raises(CannotUnseal, match="is missing"):
        check_sealing_key(store, make_sealing(other_key))
    with pytest.raises(CannotUnseal):
        check_sealing_key(store, make_sealing())


def test_a_missing_key_is_made_only_by_the_first_control_plane(store):
    keys = []

    def make():
        keys.append(make_key())
        return keys

    check_sealing_key(store, Sealing(lambda: keys, make))
    assert len(keys) == 1
    nothing = []
    with pytest.raises(CannotUnseal):
        check_sealing_key(store, Sealing(lambda: nothing, lambda: pytest.fail("it made a key")))


def test_after_a_rotation_only_the_new_key_opens(store):
    old, new = make_key(), make_key()
    check_sealing_key(store, make_sealing(old))
    with store.write() as session:
        replace_sealed_value(session, make_sealing(new, old))
    check_sealing_key(store, make_sealing(new))
    with pytest.raises(CannotUnseal):
        check_sealing_key(store, make_sealing(old))


def test_a_key_that_secrets_copied_from_another_database_need_is_required(store, anna):
    del anna
    get_authority(store, make_sealing(bytes(32)), utc_now())
    with pytest.raises(CannotUnseal):
        check_sealing_key(store, make_sealing(make_key()))
    check_sealing_key(store, make_sealing(bytes(32)))
