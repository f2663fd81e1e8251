"""
The check of the identity provider.
"""

from collections.abc import Iterator
from datetime import datetime

from holdfast.doctor.check import Check
from holdfast.network.sockets import CannotStart
from holdfast.openid.errors import ProviderUnusable
from holdfast.server.access.oidc import open_single_sign_on
from holdfast.server.settings import Settings

NAME = "identity provider"


def check_identity_provider(settings: Settings, now: datetime) -> Iterator[Check]:
    """Check that the identity provider's metadata can be fetched; yield nothing if none is configured."""
    try:
        single_sign_on = open_single_sign_on(settings)
    except CannotStart as error:
        yield Check.failed(NAME, str(error), "Fix it before the next start.")
        return
    if single_sign_on is None:
        return
    try:
        single_sign_on.provider.get_metadata(now)
    except ProviderUnusable as error:
        yield Check.failed(NAME, str(error), "Until this is fixed, users can sign in only with passwords.")
    else:
        yield Check.ok(NAME, f"{single_sign_on.provider.issuer} works.")
    finally:
        single_sign_on.provider.close()
