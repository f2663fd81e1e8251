"""
The port for gateways on other machines: its certificate, and the services that gateways use there.
"""

import asyncio
from collections.abc import Sequence

import grpc.aio
import structlog

from holdfast.certificates.gateway_certificates import UnusableRequest, write_pem
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.gateway.discovery.ads import Register
from holdfast.gateway.remote.admission import Admission
from holdfast.gateway.remote.renewal import Renewal, RenewalFailed, RenewalService
from holdfast.gateway.remote.server import CannotListen, serve_remote_gateways
from holdfast.gateway.remote.tls import Credential
from holdfast.network.addresses import Addresses
from holdfast.network.sockets import CannotStart
from holdfast.refusals import TryLater
from holdfast.server.machine.listen_addresses import DISCOVERY
from holdfast.services.errors import RenewalRefused
from holdfast.services.gateways.admissions import Admissions
from holdfast.services.gateways.authority import issue_server_credential
from holdfast.services.gateways.joining import renew
from holdfast.services.runtime import Runtime
from holdfast.store.errors import write_public_text
from holdfast.store.sealing import CannotUnseal

log = structlog.get_logger()
LOOK_AGAIN = 60.0  # seconds


class DiscoveryPort:
    """
    The port, with a certificate that is issued here, and replaced often, because the CA can be replaced, too.

    Without the key of the gateways' CA the port stays closed, and everything else works. Lives on one event loop.
    """

    def __init__(
        self, addresses: Addresses, runtime: Runtime, services: Sequence[Register], admissions: Admissions
    ) -> None:
        """*services* are those for gateways on any machine; renewing certificates is added here."""
        self._addresses = addresses
        self._runtime = runtime
        self._services = (*services, RenewalService(self._renew).register)
        self._admissions = admissions
        self._credential: Credential | None = None
        self._problem = ""
        self._server: grpc.aio.Server | None = None

    async def open(self) -> None:
        """
        Open the port, if there is a certificate for it.

        Raises:
            CannotStart: An address can't be listened on.
        """
        await asyncio.to_thread(self._refresh)
        if self._credential is None or self._server:
            return
        admission = Admission(self._admissions)
        try:
            self._server = await serve_remote_gateways(self._addresses, self._present, admission, self._services)
        except CannotListen as error:
            raise CannotStart(f"{error} Choose another address with --{DISCOVERY} HOST:PORT.") from error

    async def follow(self) -> None:
        """Replace the certificate every LOOK_AGAIN seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            await self.open()

    async def close(self) -> None:
        """Close the port, and end all streams."""
        if self._server:
            await self._server.stop(0)

    def _present(self) -> Credential:
        assert self._credential  # noqa: S101 - the port is open
        return self._credential

    def _refresh(self) -> None:
        runtime = self._runtime
        try:
            credential, authority = issue_server_credential(runtime.store, runtime.sealing, runtime.now())
        except (CannotUnseal, UnusableSealingKey) as error:
            if self._problem != str(error):
                log.error("no certificate for the discovery port", reason=str(error))
            self._problem = str(error)
        else:
            self._problem = ""
            self._credential = Credential(credential.key.pem, write_pem(credential.certificate), authority.pem)

    def _renew(self, fingerprint: str, csr: str) -> Renewal:
        runtime = self._runtime
        try:
            membership = renew(runtime.store, runtime.sealing, fingerprint, csr, runtime.now())
        except (RenewalRefused, UnusableRequest) as error:
            raise RenewalFailed(str(error), is_final=True) from error
        except TryLater as error:
            raise RenewalFailed(write_public_text(error)) from error
        except (CannotUnseal, UnusableSealingKey) as error:
            log.exception("the CA of gateways cannot be used")
            raise RenewalFailed("The publisher can't use its CA for gateways. Its log says why.") from error
        return Renewal(membership.certificate, membership.authority, membership.gateway.placement.group)
