"""
The port for gateways on other machines: its certificate, and the services that gateways use there.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import structlog

from holdfast.certificates.gateway_certificates import UnusableRequest, pem_of
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.gateway.remote.admission import Admission
from holdfast.gateway.remote.renewal import RenewalFailed, RenewalService, Renewed
from holdfast.gateway.remote.server import CannotListen, serve_remote_gateways
from holdfast.gateway.remote.tls import Credential
from holdfast.network.addresses import Addresses
from holdfast.network.sockets import CannotStart
from holdfast.refusals import TryLater
from holdfast.server.clock import utc_now
from holdfast.server.listen_addresses import DISCOVERY
from holdfast.server.parts import Parts
from holdfast.services.errors import RenewalRefused
from holdfast.services.gateways.authority import issue_server_credential
from holdfast.services.gateways.joining import renew
from holdfast.store.database import Store
from holdfast.store.sealing import CannotUnseal, Sealing

log = structlog.get_logger()
LOOK_AGAIN = 3600.0  # seconds


class DiscoveryCertificate:
    """The certificate that the discovery port presents, issued here and replaced after two thirds of its life."""

    def __init__(self, store: Store, sealing: Sealing, now: Callable[[], datetime]) -> None:
        self._store = store
        self._sealing = sealing
        self._now = now
        self._renew_at: datetime
        self._current: Credential

    def current(self) -> Credential:
        """Return what to present in the next handshake."""
        return self._current

    def issue(self) -> None:
        """Issue a certificate for a new key. Raises CannotUnseal, UnusableSealingKey."""
        issued, authority = issue_server_credential(self._store, self._sealing, self._now())
        certificate = issued.certificate
        self._renew_at = certificate.not_before + (certificate.not_after - certificate.not_before) * 2 / 3
        self._current = Credential(issued.key.pem, pem_of(certificate), authority.pem)

    async def keep(self) -> None:
        """Replace the certificate in time, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            if self._now() >= self._renew_at:
                await asyncio.to_thread(self.issue)


@asynccontextmanager
async def discovery_port(addresses: Addresses, parts: Parts) -> AsyncIterator[None]:
    """
    Serve gateways on other machines until the block ends.

    Raises:
        CannotStart: An address can't be listened on, or the key of the gateways' CA can't be decrypted.
    """
    runtime = parts.runtime
    certificate = DiscoveryCertificate(runtime.store, runtime.sealing, utc_now)
    try:
        await asyncio.to_thread(certificate.issue)
        renewals = RenewalService(partial(_renew, runtime.store, runtime.sealing))
        admission = Admission(parts.admissions)
        services = (*parts.services, renewals.register)
        server = await serve_remote_gateways(addresses, certificate.current, admission, services)
    except (CannotUnseal, UnusableSealingKey) as error:
        raise CannotStart(f"The CA of gateways can't be used. {error}") from error
    except CannotListen as error:
        raise CannotStart(f"{error} Choose another address with --{DISCOVERY} HOST:PORT.") from error
    runtime.background.start("discovery certificate", certificate.keep)
    try:
        yield
    finally:
        await server.stop(0)


def _renew(store: Store, sealing: Sealing, fingerprint: str, csr: str) -> Renewed:
    try:
        membership = renew(store, sealing, fingerprint, csr, utc_now())
    except (RenewalRefused, UnusableRequest) as error:
        raise RenewalFailed(str(error), is_final=True) from error
    except TryLater as error:
        raise RenewalFailed(str(error)) from error
    except (CannotUnseal, UnusableSealingKey) as error:
        log.exception("the CA of gateways cannot be used")
        raise RenewalFailed("The publisher can't use its CA for gateways. Its log says why.") from error
    return Renewed(membership.certificate, membership.authority, membership.gateway.placement.group)
