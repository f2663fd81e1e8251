"""
Whether this control plane has the sealing key that the others of its database use.

The first control plane stores a value that is sealed with its key. The others must be able to open it.
"""

from sqlalchemy.orm import Session

from holdfast.store import inspection
from holdfast.store.control_planes import sealed_values
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing
from holdfast.store.topics import Topic

_NO_ORGANIZATION = ""


def check_sealing_key(store: Store, sealing: Sealing) -> None:
    """
    Check that *sealing* opens what the database contains; if it contains nothing sealed, its key becomes the right one.

    Raises CannotUnseal, UnusableSealingKey.
    """
    with store.read() as session:
        value = sealed_values.get(session)
        if value is None:  # these may have been copied from another database
            for organization, row, _, secret in inspection.list_sealed_secrets(session):
                sealing.open(secret, organization, row)
    if value is None:
        own = _seal(sealing)
        with store.note(Topic.CONTROL_PLANES) as session:
            sealed_values.insert(session, own)
            value = sealed_values.get(session) or own
    sealing.open(value, _NO_ORGANIZATION, sealed_values.NAME)


def replace_sealed_value(session: Session, sealing: Sealing) -> None:
    """Seal the value with the current key, which every control plane needs from now on."""
    sealed_values.save(session, _seal(sealing))


def _seal(sealing: Sealing) -> bytes:
    return sealing.seal(b"", _NO_ORGANIZATION, sealed_values.NAME)
