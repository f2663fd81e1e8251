"""
Settings -> the identity provider that people may sign in by.
"""

import ssl
from pathlib import Path

from holdfast.network.sockets import CannotStart
from holdfast.openid.metadata import is_private
from holdfast.openid.provider import Provider, ProviderSettings
from holdfast.server.settings import Settings
from holdfast.services.access.single_sign_on import SingleSignOn

MAX_SECRET = 4096  # bytes


def open_single_sign_on(settings: Settings) -> SingleSignOn | None:
    """Make what the settings name; None when they name no issuer. Asks nobody yet. Raises CannotStart."""
    if settings.oidc_issuer is None:
        return None
    if not is_private(settings.oidc_issuer):
        raise CannotStart(f"HOLDFAST_OIDC_ISSUER: {settings.oidc_issuer!r} is no https URL.")
    if not settings.oidc_client_id:
        raise CannotStart("HOLDFAST_OIDC_CLIENT_ID is missing: the provider calls Holdfast by it.")
    if not settings.oidc_roles:
        raise CannotStart("HOLDFAST_OIDC_ROLES is missing, so nobody could do anything. Give it GROUP=ROLE.")
    if "openid" not in settings.oidc_scopes.split():
        raise CannotStart("HOLDFAST_OIDC_SCOPES lacks openid: without it, the provider does not say who somebody is.")
    agreed = ProviderSettings(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=_secret(settings),
        scopes=settings.oidc_scopes,
        name_claim=settings.oidc_name_claim,
        groups_claim=settings.oidc_groups_claim,
    )
    provider = Provider(agreed, _tls(settings.oidc_ca_file))
    return SingleSignOn(provider, settings.oidc_label, settings.oidc_organization, settings.oidc_roles)


def read_again(settings: Settings, provider: Provider) -> None:
    """Let *provider* use what the files of the settings hold now. Raises CannotStart."""
    provider.change(_secret(settings), _tls(settings.oidc_ca_file))


def _secret(settings: Settings) -> str:
    secret_setting, file = settings.oidc_client_secret, settings.oidc_client_secret_file
    if (secret_setting is None) == (file is None):
        raise CannotStart("Give one of HOLDFAST_OIDC_CLIENT_SECRET and HOLDFAST_OIDC_CLIENT_SECRET_FILE.")
    if file is None:
        secret = secret_setting.get_secret_value() if secret_setting else ""
    else:
        try:
            with file.expanduser().open(encoding="utf-8") as opened:
                secret = opened.read(MAX_SECRET).strip()
        except (OSError, ValueError) as error:
            raise CannotStart(f"HOLDFAST_OIDC_CLIENT_SECRET_FILE: {file} cannot be read.") from error
    if not secret:
        raise CannotStart("The secret of the client at the identity provider is empty.")
    return secret


def _tls(file: Path | None) -> ssl.SSLContext | None:
    if file is None:
        return None
    try:
        return ssl.create_default_context(cafile=file.expanduser())
    except OSError as error:  # ssl.SSLError is one
        raise CannotStart(f"HOLDFAST_OIDC_CA_FILE: {file} holds no certificates in PEM that can be read.") from error
