"""
Owners of APIs and certificates: e-mail addresses, users and channels.
"""

import re
from collections.abc import Sequence

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible

MAX_OWNERS = 20
MAX_ADDRESS = 254  # RFC 5321, section 4.5.3.1.3
CHANNEL, USER = "channel:", "user:"
# The dot-atom form of RFC 5322, in ASCII; quoted local parts are refused, since programs disagree about them.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@{_LABEL}(?:\.{_LABEL})*")


def is_address(text: str) -> bool:
    """Return whether *text* is one e-mail address."""
    match = _ADDRESS.fullmatch(text)
    return match is not None and len(text) <= MAX_ADDRESS and len(match["local"]) <= 64


def check_addresses(addresses: Sequence[str], field: str, limit: int) -> tuple[str, ...]:
    """Return the distinct e-mail *addresses*. Raises InvalidField."""
    distinct_addresses = tuple(dict.fromkeys(address.strip() for address in addresses if address.strip()))
    if len(distinct_addresses) > limit:
        raise InvalidField(field, f"There are {len(distinct_addresses)} addresses; the limit is {limit}.")
    for address in distinct_addresses:
        if not is_address(address):
            raise InvalidField(field, f"{address[:80]!r} isn't an e-mail address such as team@example.com.")
    return distinct_addresses


def check_owners(owners: Sequence[str]) -> tuple[str, ...]:
    """Return distinct owners: e-mail addresses, `user:NAME` and `channel:NAME`. Raises InvalidField."""
    distinct_owners = tuple(dict.fromkeys(owner.strip() for owner in owners if owner.strip()))
    if len(distinct_owners) > MAX_OWNERS:
        raise InvalidField("owners", f"There are {len(distinct_owners)} owners; the limit is {MAX_OWNERS}.")
    for owner in distinct_owners:
        check_visible(owner, "owners", "An owner")
        is_reference = owner.startswith((CHANNEL, USER)) and 0 < len(owner.partition(":")[2]) <= MAX_ADDRESS
        if not is_reference and not is_address(owner):
            text = f"{owner[:80]!r} isn't an owner. Use an e-mail address, user:NAME or channel:NAME."
            raise InvalidField("owners", text)
    return distinct_owners


def find_addresses(owners: Sequence[str]) -> list[str]:
    """Return the e-mail addresses of *owners*; users have one if it is their name."""
    names = (owner.removeprefix(USER) for owner in owners if not owner.startswith(CHANNEL))
    return [name for name in dict.fromkeys(names) if is_address(name)]
