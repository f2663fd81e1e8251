"""
Credentials with opened secrets, for the gateways.
"""

from collections.abc import Iterable, Mapping, Sequence

import structlog

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.endpoint_security import Credential, EndpointSecurity, SealedSecret, write_value
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.store.sealing import CannotUnseal, Sealing

log = structlog.get_logger()
# Of one API: the current one first (None: there is none), then those that are kept for revisions.
Credentials = Mapping[Environment, Sequence[Credential | None]]


def open_credentials(sealing: Sealing, working_copies: Iterable[Api]) -> dict[tuple[str, str], Credentials]:
    """
    Return the credentials of APIs that have any, by organization and id of the API.

    One that can't be decrypted has no value, so that requests are answered with an error instead of being sent without.
    """
    return {(api.organization, api.id): _open_all(sealing, api) for api in working_copies if api.securities}


def _open_all(sealing: Sealing, api: Api) -> Credentials:
    credentials: dict[Environment, Sequence[Credential | None]] = {}
    for environment in ENVIRONMENTS:
        endpoint = api.find_endpoint(environment)
        kept_securities = [security for name, security in api.kept_security if name == environment]
        securities = (endpoint.security if endpoint else None, *kept_securities)
        credentials[environment] = [_open(sealing, api.organization, security) for security in securities]
    return credentials


def choose_credentials(api: Api, credentials: Credentials) -> dict[Environment, Credential]:
    """Return the credential for each environment of *api*: of a revision with other origins, one kept for them."""
    chosen: dict[Environment, Credential] = {}
    for environment, (current, *others) in credentials.items():
        candidates = (current, *others) if api.revision else ()
        origins = api.list_origins(environment)
        # One for other origins, which gateways don't send, is better than none: it locks the endpoint.
        own = next((candidate for candidate in candidates if candidate and candidate.security.is_for(origins)), current)
        if own:
            chosen[environment] = own
    return chosen


def _open(sealing: Sealing, organization: str, security: EndpointSecurity | None) -> Credential | None:
    if security is None:
        return None
    secret = _open_secret(sealing, organization, security.secret)
    password = _open_secret(sealing, organization, security.password) if security.has_password else ""
    if secret is None or password is None:
        return Credential(security, None)
    return Credential(security, write_value(security, secret), password)


def _open_secret(sealing: Sealing, organization: str, secret: SealedSecret | None) -> str | None:
    if secret is None:
        return None
    try:
        return sealing.open(secret.sealed, organization, secret.id).decode()
    except (CannotUnseal, UnusableSealingKey, UnicodeDecodeError) as error:
        why = "it isn't text" if isinstance(error, UnicodeDecodeError) else str(error)
        log.error("credential of an endpoint cannot be decrypted", organization=organization, why=why)
        return None
