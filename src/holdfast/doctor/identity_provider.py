"""
The identity provider that people sign in by.
"""

from collections.abc import Iterator
from datetime import datetime

from holdfast.doctor.check import Check
from holdfast.network.sockets import CannotStart
from holdfast.openid.errors import ProviderUnusable
from holdfast.server.oidc import open_single_sign_on
from holdfast.server.settings import Settings

NAME = "identity provider"


def check(settings: Settings, now: datetime) -> Iterator[Check]:
    """Ask it what it says of itself; nothing where there is none."""
    try:
        single_sign_on = open_single_sign_on(settings)
    except CannotStart as error:
        yield Check.failed(NAME, str(error), "Correct it before the next start.")
        return
    if single_sign_on is None:
        return
    try:
        single_sign_on.provider.get_metadata(now)
    except ProviderUnusable as error:
        yield Check.failed(NAME, str(error), "Nobody can sign in by it until that is mended. Passwords still work.")
    else:
        yield Check.ok(NAME, f"{single_sign_on.provider.issuer} says where people sign in.")
    finally:
        single_sign_on.provider.close()
