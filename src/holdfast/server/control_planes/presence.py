"""
The description of this process for other control planes: its name, addresses and settings.
"""

import hashlib
import socket
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from holdfast.apis.gateways.control_plane import ControlPlane, derive_name
from holdfast.files.replacement import replace_file
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.network.addresses import EVERY_ADDRESS, Address, find_own_address
from holdfast.network.presented_files import CertificateFiles, GatewayCertificate
from holdfast.network.sockets import CannotStart, format_address
from holdfast.server.clock import utc_now
from holdfast.server.sealing.keys import KEY_FILE, SEALING_KEY, digest_sealing
from holdfast.server.settings import Settings
from holdfast.server.tls.publisher_certificate import PublisherCertificate
from holdfast.services.control_planes.presence import NameTaken, Presence
from holdfast.services.control_planes.sealing_key import check_sealing_key
from holdfast.store.database import Store
from holdfast.store.sealing import CannotUnseal, Sealing

HOME_FILE = "control-plane-id"
# What users and callers would notice if it depended on the control plane that they, or their gateway, happen to reach.
SHARED_SETTINGS = (
    "gateway",
    "sandbox",
    "gateway_tls",
    "sandbox_tls",
    "trusted_proxies",
    "requests_per_second",
    "oidc_issuer",
    "oidc_client_id",
    "oidc_roles",
    "oidc_organization",
    "oidc_label",
    "oidc_scopes",
    "oidc_name_claim",
    "oidc_groups_claim",
    "backend_idle",
    "backend_drain",
    "backend_requests",
    "backend_connections",
    "backend_pending",
    "backend_websockets",
    "header_fields",
    "header_kib",
    "probe_networks",
    "audit_retention",
    "traffic_days",
    "traffic_hours",
    "traffic_minutes",
    "retire_after",
    "watch_interval",
    "watch_concurrency",
    "public_url",
    "smtp_server",
    "smtp_tls",
    "smtp_user",
    "smtp_from",
)
CERTIFICATE = "HOLDFAST_GATEWAY_TLS_CERT"  # its content counts, not the path


def build_presence(
    settings: Settings, data: Path, store: Store, sealing: Sealing, certificates: Sequence[CertificateFiles[Any]]
) -> Presence:
    """Return the presence of this process, which isn't registered yet. Raises CannotStart."""
    if store.is_shared:
        _check_sealing_key(store, sealing, data)
    now = utc_now()
    name = settings.name or derive_name(socket.gethostname())
    discovery = tuple(map(format_address, _find_advertised(settings, shared=store.is_shared)))
    own = ControlPlane(str(uuid.uuid4()), name, version("holdfast-gateway"), now, now, discovery)
    digests = digest_settings(settings)
    if store.is_shared:
        digests[SEALING_KEY] = digest_sealing(sealing)
    refresh = partial(_refresh, digests, certificates)
    home = _find_home(data) if store.is_shared else ""
    return Presence(store, refresh(own), home, shared=store.is_shared, refresh=refresh)


async def register(presence: Presence) -> None:
    """Register this process. Raises CannotStart if its name is taken, StoreFailure."""
    try:
        await presence.begin()
    except NameTaken as error:
        raise CannotStart(
            f"Another control plane of this database (version {error.other.version}) has the name "
            f"{error.other.name}, too. Choose another one with --name."
        ) from error


def _find_advertised(settings: Settings, *, shared: bool) -> Iterator[Address]:
    """Return where gateways on other machines can connect to this control plane."""
    for host, port in settings.advertise or settings.discovery:
        if host not in EVERY_ADDRESS:
            yield host, port
        elif shared:  # with a single control plane, they use the host in the publisher's URL
            yield find_own_address(host), port


def digest_settings(settings: Settings) -> dict[str, str]:
    """Return a digest of each setting that must be the same at all control planes, by its variable."""
    values = settings.model_dump(include=set(SHARED_SETTINGS), mode="json")
    return {f"HOLDFAST_{name.upper()}": _digest(repr(values[name]).encode()) for name in SHARED_SETTINGS}


def _check_sealing_key(store: Store, sealing: Sealing, data: Path) -> None:
    try:
        check_sealing_key(store, sealing)
    except CannotUnseal as error:
        raise CannotStart(
            f"This control plane can't decrypt what the database contains: {error.why}. Set "
            "HOLDFAST_SEALING_KEY or HOLDFAST_SEALING_KEY_FILE to the key of the other control planes; if none is set "
            f"there, copy the file {KEY_FILE} from the data directory of the one that started first to {data}. If the "
            "key is lost, run `holdfast rotate-sealing-key`, and enter the secrets again that can't be decrypted."
        ) from error
    except UnusableSealingKey as error:
        raise CannotStart(str(error)) from error


def _refresh(
    settings: dict[str, str], certificates: Sequence[CertificateFiles[Any]], own: ControlPlane
) -> ControlPlane:
    """Return *own* with what its certificate files contain now."""
    pin, chain = None, b""
    for files in certificates:
        if isinstance(files, PublisherCertificate):
            pin = files.pin
        elif isinstance(files, GatewayCertificate) and files.current:
            chain = b"".join(certificate.der for certificate in files.current.chain)
    return replace(own, publisher_pin=pin, settings={**settings, CERTIFICATE: _digest(chain)})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _find_home(data: Path) -> str:
    """
    Return the id of a data directory, by which the next process there knows that this one has ended.

    It contains the host name, because someone may copy the directory to another machine.
    """
    file = data / HOME_FILE
    try:
        if not file.exists():
            replace_file(file, f"{uuid.uuid4()}\n".encode())
        return f"{file.read_text('ascii').strip()} {socket.gethostname()}"
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"Can't read {file}: {error}. Remove it, or choose another directory with --data.") from error
