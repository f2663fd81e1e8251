"""
What an operator has read again by SIGHUP, without a restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from holdfast.network.sockets import CannotStart
from holdfast.server.https import CertificateFiles
from holdfast.server.oidc import read_again
from holdfast.server.settings import Settings
from holdfast.services.access.single_sign_on import SingleSignOn

log = structlog.get_logger()
NEEDS_RESTART = "options, variables, the sealing key, the machine's CA certificates"


@dataclass(frozen=True, slots=True)
class Reload:
    """Reads files again: certificates and keys, and the identity provider's secret and CA certificates."""

    settings: Settings
    certificates: Sequence[CertificateFiles[Any]]
    single_sign_on: SingleSignOn | None

    def run(self) -> None:
        """Use from now on what the files hold; what can't be used is logged, and what was before stays."""
        for certificate in self.certificates:
            certificate.read_again()
        files = [str(path) for certificate in self.certificates for path in certificate.paths]
        if self.single_sign_on:
            try:
                read_again(self.settings, self.single_sign_on.provider)
            except CannotStart as error:
                log.error("files of the identity provider can't be used", why=str(error))
            oidc_files = (self.settings.oidc_client_secret_file, self.settings.oidc_ca_file)
            files += [str(path) for path in oidc_files if path]
        # An answer to a signal, so it must be seen at the default level.
        log.warning("files read again after SIGHUP", files=list(dict.fromkeys(files)), restart_for=NEEDS_RESTART)
