"""
Credentials with opened secrets, for the gateways.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import structlog
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.catalog.endpoint_security import Credential, EndpointSecurity, SealedSecret, write_value
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.store.catalog import endpoint_security
from holdfast.store.sealing import CannotUnseal, Sealing

log = structlog.get_logger()
# Of one API: the current one first (None: there is none), then those that are kept for revisions.
Credentials = Mapping[Environment, Sequence[Credential | None]]


def take_credentials(session: Session, sealing: Sealing, batch: Iterable[Api]) -> dict[tuple[str, str], Credentials]:
    """
    Return the credentials of APIs that have any, by organization and id of the API.

    One that can't be decrypted has no value, so that requests are answered with an error instead of being sent without.
    """
    ids: dict[str, set[str]] = defaultdict(set)
    for api in batch:
        ids[api.organization].add(api.id)
    return {
        (organization, api_id): {
            environment: tuple(_open(sealing, organization, security) if security else None for security in securities)
            for environment, securities in by_environment.items()
        }
        for organization, api_ids in ids.items()
        for api_id, by_environment in endpoint_security.list_by_api(session, organization, api_ids).items()
    }


def choose_credentials(api: Api, credentials: Credentials) -> dict[Environment, Credential]:
    """Return the credential for each environment of *api*: of a revision with other origins, one kept for them."""
    chosen: dict[Environment, Credential] = {}
    for environment, (current, *others) in credentials.items():
        candidates = (current, *others) if api.revision else ()
        origins = api.origins(environment)
        # One for other origins, which gateways don't send, is better than none: it locks the endpoint.
        own = next((candidate for candidate in candidates if candidate and candidate.security.is_for(origins)), current)
        if own:
            chosen[environment] = own
    return chosen


def _open(sealing: Sealing, organization: str, security: EndpointSecurity) -> Credential:
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
