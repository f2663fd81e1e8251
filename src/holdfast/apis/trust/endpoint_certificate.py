"""
An endpoint certificate as a value, what was removed of one, and the rules of its alias.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible
from holdfast.certificates.certificate import Certificate

MAX_ALIAS = 45
# What WSO2's publisher forbids.
_FORBIDDEN = re.compile(r"[\s~!@#;:%^*()+={}|\\<>\"',&$\[\]/]")


class Generation(StrEnum):
    """Which certificates of an alias the chain of its backend leads to: those of today, or those before."""

    CURRENT = "current"
    PREVIOUS = "previous"
    BOTH = "both"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Observation:
    """
    What was seen of the backend since the last change of an alias that has previous certificates; all times aware, UTC.

    *looked_at* is the last attempt, *at* the last that showed a chain, *generation* what that led to.
    """

    looked_at: datetime | None = None
    at: datetime | None = None
    generation: Generation | None = None
    current_first_seen_at: datetime | None = None
    previous_last_needed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndpointCertificate:
    """
    An alias, the endpoint that was chosen, and the certificates that its origin trusts because of it.

    *previous* are those that were replaced and are trusted beside the current ones until they are retired.
    """

    id: str
    organization: str
    alias: str
    endpoint: str  # the URL as it was chosen
    origin: str
    certificates: tuple[Certificate, ...]  # in the order of the file, at least one
    created_at: datetime  # aware, UTC
    updated_at: datetime
    previous: tuple[Certificate, ...] = ()
    replaced_at: datetime | None = None
    observation: Observation = Observation()

    @property
    def trusted(self) -> tuple[Certificate, ...]:
        """All that the origin trusts because of this alias."""
        return self.certificates + self.previous

    def replaced_by(self, certificates: tuple[Certificate, ...], now: datetime, *, keep: bool) -> "EndpointCertificate":
        """
        Give what this is after a replacement by *certificates*.

        To *keep* makes the current ones previous instead of ending the trust in them; what was previous goes. The same
        certificates again change nothing of that.
        """
        after = replace(self, certificates=certificates, updated_at=now)
        same = {certificate.fingerprint for certificate in certificates} == {
            certificate.fingerprint for certificate in self.certificates
        }
        if keep and same:
            return after  # the same request again, or of somebody else
        return replace(after, previous=self.certificates if keep else (), replaced_at=now, observation=Observation())


class Removal(StrEnum):
    """Why certificates are no longer trusted."""

    DELETED = "deleted"
    RETIRED = "retired"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class RemovedCertificate:
    """
    What an alias trusted until somebody ended that; it can be restored for a while.

    Deleted, it is all of the alias; retired, *certificates* are the ones that were previous; replaced, they are those
    that were current, or the previous ones when only these went.
    """

    id: str
    organization: str
    entry_id: str  # of the endpoint certificate
    alias: str
    endpoint: str
    origin: str
    why: Removal
    certificates: tuple[Certificate, ...]  # at least one
    previous: tuple[Certificate, ...]
    created_at: datetime  # of the alias
    replaced_at: datetime | None  # of the alias, as it was
    removed_at: datetime
    removed_by: str


def check_alias(alias: str) -> str:
    """Give *alias* as it is stored, or raise InvalidField."""
    alias = check_visible(alias.strip(), "alias", "The alias")
    if not alias:
        raise InvalidField("alias", "The alias is missing. Give the certificate a name, like pizza-backend.")
    if len(alias) > MAX_ALIAS:
        raise InvalidField("alias", f"The alias has {len(alias)} characters; at most {MAX_ALIAS} are possible.")
    if _FORBIDDEN.search(alias) or alias in {".", ".."}:
        raise InvalidField("alias", "The alias holds a space or one of ~!@#;:%^*()+={}|\\<>\"',&$[]/. Leave these out.")
    return alias
