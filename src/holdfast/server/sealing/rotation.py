"""
`holdfast rotate-sealing-key`: encrypt everything with a new sealing key.
"""

from pathlib import Path

from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.network.sockets import CannotStart
from holdfast.server.clock import utc_now
from holdfast.server.database.opening import read_location
from holdfast.server.machine.directories import lock_data_directory
from holdfast.server.sealing.keys import SEALING_KEY, digest_sealing, open_sealing, rotate_key
from holdfast.server.settings import Settings
from holdfast.services.identities.gateway_identities import reseal_keys
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes
from holdfast.store.database import Store
from holdfast.store.location import Location
from holdfast.store.sealing import Sealing


class ControlPlanesRun(CannotStart):
    """Control planes run that couldn't decrypt what is encrypted with the new key."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"These control planes are running: {', '.join(names)}. Nothing was changed. Stop them, or let them have "
            "both keys: set HOLDFAST_SEALING_KEY or the content of HOLDFAST_SEALING_KEY_FILE to OLD,NEW at each, "
            "restart each, then do the same with NEW,OLD, and run this command with NEW,OLD."
        )


def rotate_sealing_key(settings: Settings) -> tuple[int, int]:
    """
    Encrypt all secrets with a new sealing key; return how many there were, and how many can't be decrypted.

    While control planes run, that is possible if they have the new key and the old one.

    Raises:
        CannotStart: There is no database, a Holdfast runs on it, or the sealing key can't be changed; ControlPlanesRun.
        StoreFailure: The database can't be used.
    """
    data = settings.data.expanduser()
    location = read_location(settings, data)
    if isinstance(location, Path):
        if not location.is_file():
            raise CannotStart(f"There is no Holdfast database in {data}. Choose its directory with --data.")
        return _rotate_alone(settings, data, location)
    store = Store(location, utc_now())
    try:
        with store.read() as session:
            live = control_planes.list_live(session, read_database_time(session))
        if live:
            return reseal_keys(store, _find_common_keys(settings, data, live), utc_now())
    finally:
        store.close()
    return _rotate_alone(settings, data, location)


def _rotate_alone(settings: Settings, data: Path, location: Location) -> tuple[int, int]:
    with lock_data_directory(data), rotate_key(settings, data) as sealing:
        store = Store(location, utc_now())
        try:
            return reseal_keys(store, sealing, utc_now())
        finally:
            store.close()


def _find_common_keys(settings: Settings, data: Path, live: list[ControlPlane]) -> Sealing:
    """Return the sealing with the keys of the settings if each control plane has them, and there is an old one."""
    sealing = open_sealing(settings, data)
    try:
        keys, digest = sealing.key_ids, digest_sealing(sealing)
    except UnusableSealingKey as error:
        raise CannotStart(str(error)) from error
    lacking = [
        control_plane.name
        for control_plane in live
        if len(keys) == 1 or control_plane.settings.get(SEALING_KEY) != digest
    ]
    if lacking:
        raise ControlPlanesRun(lacking)
    return sealing
