"""
Reloading files on SIGHUP, without a restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from holdfast.network.presented_files import CertificateFiles
from holdfast.network.sockets import CannotStart
from holdfast.server.access.oidc import read_again
from holdfast.server.settings import Settings
from holdfast.services.access.single_sign_on import SingleSignOn

log = structlog.get_logger()
NEEDS_RESTART = "options, variables, the sealing key, the machine's CA certificates"


@dataclass(frozen=True, slots=True)
class Reload:
    """Reloads files: certificates and keys, and the identity provider's secret and CA certificates."""

    settings: Settings
    certificates: Sequence[CertificateFiles[Any]]
    single_sign_on: SingleSignOn | None

    def run(self) -> None:
        """Reload all files; log those that can't be used, and keep their previous content."""
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
        # A warning, so that it is logged at the default level: the operator expects a reaction.
        log.warning("files reloaded after SIGHUP", files=list(dict.fromkeys(files)), restart_for=NEEDS_RESTART)
