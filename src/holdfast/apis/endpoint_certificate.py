"""
An endpoint certificate as a value, and the rules of its alias.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.errors import InvalidField
from holdfast.certificates.certificate import Certificate

MAX_ALIAS = 45
# What WSO2's publisher forbids, control characters, and halves of characters, which no database takes.
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff~!@#;:%^*()+={}|\\<>\"',&$\[\]/]")


@dataclass(frozen=True, slots=True)
class EndpointCertificate:
    """An alias, the endpoint that was chosen, and the certificates that its origin trusts because of it."""

    id: str
    organization: str
    alias: str
    endpoint: str  # the URL as it was chosen
    origin: str
    certificates: tuple[Certificate, ...]  # in the order of the file, at least one
    created_at: datetime  # aware, UTC
    updated_at: datetime


def check_alias(alias: str) -> str:
    """Give *alias* as it is stored, or raise InvalidField."""
    alias = alias.strip()
    if not alias:
        raise InvalidField("alias", "The alias is missing. Give the certificate a name, like pizza-backend.")
    if len(alias) > MAX_ALIAS:
        raise InvalidField("alias", f"The alias has {len(alias)} characters; at most {MAX_ALIAS} are possible.")
    if _FORBIDDEN.search(alias) or alias in {".", ".."}:
        raise InvalidField("alias", "The alias holds a space or one of ~!@#;:%^*()+={}|\\<>\"',&$[]/. Leave these out.")
    return alias
