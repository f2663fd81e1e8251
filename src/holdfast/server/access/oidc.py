"""
The identity provider that the settings describe.
"""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.network.sockets import CannotStart
from holdfast.server.settings import Settings
from holdfast.services.access.single_sign_on import SingleSignOn

if TYPE_CHECKING:
    from holdfast.openid.provider import Provider

MAX_SECRET = 4096  # bytes


def open_single_sign_on(settings: Settings) -> SingleSignOn | None:
    """Return single sign-on as configured, None without an issuer. Doesn't connect yet. Raises CannotStart."""
    if settings.oidc_issuer is None:
        return None
    # The libraries for OpenID Connect take long to load, and most installations don't use them.
    from holdfast.openid.metadata import is_private
    from holdfast.openid.provider import Provider, ProviderSettings

    if not is_private(settings.oidc_issuer):
        raise CannotStart(f"HOLDFAST_OIDC_ISSUER: {settings.oidc_issuer!r} isn't an https URL.")
    if not settings.oidc_client_id:
        raise CannotStart("HOLDFAST_OIDC_CLIENT_ID is missing. Set it to the client ID registered with the provider.")
    if not settings.oidc_roles:
        raise CannotStart("HOLDFAST_OIDC_ROLES is missing, so nobody would have a role. Set it to GROUP=ROLE.")
    if "openid" not in settings.oidc_scopes.split():
        raise CannotStart("HOLDFAST_OIDC_SCOPES must include openid. Without it, the provider doesn't identify users.")
    provider_settings = ProviderSettings(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=_read_secret(settings),
        scopes=settings.oidc_scopes,
        name_claim=settings.oidc_name_claim,
        groups_claim=settings.oidc_groups_claim,
    )
    provider = Provider(provider_settings, _make_context(settings.oidc_ca_file))
    return SingleSignOn(provider, settings.oidc_label, settings.oidc_organization, settings.oidc_roles)


def read_again(settings: Settings, provider: "Provider") -> None:
    """Reload the client secret and CA certificates of *provider* from their files. Raises CannotStart."""
    provider.change(_read_secret(settings), _make_context(settings.oidc_ca_file))


def _read_secret(settings: Settings) -> str:
    secret_setting, file = settings.oidc_client_secret, settings.oidc_client_secret_file
    if (secret_setting is None) == (file is None):
        raise CannotStart("Set either HOLDFAST_OIDC_CLIENT_SECRET or HOLDFAST_OIDC_CLIENT_SECRET_FILE.")
    if file is None:
        secret = secret_setting.get_secret_value() if secret_setting else ""
    else:
        try:
            with file.expanduser().open(encoding="utf-8") as source:
                secret = source.read(MAX_SECRET).strip()
        except (OSError, ValueError) as error:
            raise CannotStart(f"HOLDFAST_OIDC_CLIENT_SECRET_FILE: can't read {file}.") from error
    if not secret:
        raise CannotStart("The OIDC client secret is empty. Set it to the secret that the provider issued.")
    return secret


def _make_context(file: Path | None) -> ssl.SSLContext | None:
    if file is None:
        return None
    try:
        return ssl.create_default_context(cafile=file.expanduser())
    except OSError as error:  # ssl.SSLError is one
        raise CannotStart(f"HOLDFAST_OIDC_CA_FILE: {file} can't be read or contains no certificates in PEM.") from error
