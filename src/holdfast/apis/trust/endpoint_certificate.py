"""
Endpoint certificates and removed certificates as values, and the rules for aliases.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from holdfast.apis.errors import InvalidField, UnreadableData
from holdfast.apis.text import check_visible
from holdfast.certificates.certificate import Certificate

MAX_ALIAS = 45
# Characters that WSO2's publisher forbids.
_FORBIDDEN = re.compile(r"[\s~!@#;:%^*()+={}|\\<>\"',&$\[\]/]")


class UnreadableCertificate(UnreadableData):
    """A certificate that is stored under *alias* can't be read."""

    def __init__(self, alias: str, remedy: str = "Replace it, or delete it.") -> None:
        super().__init__(f"The certificate stored under {alias}", remedy)


class Generation(StrEnum):
    """Which certificates of an alias the backend's chain leads to: the current or the previous ones."""

    CURRENT = "current"
    PREVIOUS = "previous"
    BOTH = "both"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Observation:
    """
    Probe results since the last change of an alias that has previous certificates; all times aware, UTC.

    *looked_at* is the last attempt, *at* the last one that showed a chain, *generation* what that chain led to.
    """

    looked_at: datetime | None = None
    at: datetime | None = None
    generation: Generation | None = None
    current_first_seen_at: datetime | None = None
    previous_last_needed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndpointCertificate:
    """
    An alias, its endpoint, and the certificates that are trusted for the endpoint's origin.

    *previous* certificates were replaced, but stay trusted together with the current ones until they are retired.

    There are no *certificates* if a stored one can't be read; then no backend of the origin is trusted.
    """

    id: str
    organization: str
    alias: str
    endpoint: str  # the URL as entered
    origin: str
    certificates: tuple[Certificate, ...]  # in the order of the file
    created_at: datetime  # aware, UTC
    updated_at: datetime
    previous: tuple[Certificate, ...] = ()
    replaced_at: datetime | None = None
    observation: Observation = Observation()
    created_by: str = ""  # the user's name; empty: unknown

    @property
    def trusted(self) -> tuple[Certificate, ...]:
        """The current and previous certificates, all of which are trusted. Raises UnreadableCertificate."""
        self.require_readable()
        return self.readable

    @property
    def readable(self) -> tuple[Certificate, ...]:
        """The current and previous certificates, none if they can't be read; only to show them."""
        return self.certificates + self.previous

    def require_readable(self) -> None:
        """Raise UnreadableCertificate if a stored certificate can't be read."""
        if not self.certificates:
            raise UnreadableCertificate(self.alias)

    def replace_certificates(
        self, certificates: tuple[Certificate, ...], now: datetime, *, keep: bool
    ) -> "EndpointCertificate":
        """
        Return this alias after replacing its certificates with *certificates*.

        With *keep*, the current certificates become previous and stay trusted; the previous ones are removed. If *keep*
        is set and *certificates* are the current ones, the previous ones stay.
        """
        after = replace(self, certificates=certificates, updated_at=now)
        is_same = {certificate.fingerprint for certificate in certificates} == {
            certificate.fingerprint for certificate in self.certificates
        }
        if keep and is_same:
            return after  # a repeated request, or the same one from someone else
        return replace(after, previous=self.certificates if keep else (), replaced_at=now, observation=Observation())


class Removal(StrEnum):
    """Why certificates are no longer trusted."""

    DELETED = "deleted"
    RETIRED = "retired"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class RemovedCertificate:
    """
    Certificates that an alias no longer trusts; they can be restored for some time.

    If *why* is deleted, these are all certificates of the alias; if retired, *certificates* were the previous ones; if
    replaced, *certificates* were the current ones, or the previous ones if only these were removed.

    There are no *certificates* if a stored one can't be read; then they can't be restored.
    """

    id: str
    organization: str
    entry_id: str  # of the endpoint certificate
    alias: str
    endpoint: str
    origin: str
    why: Removal
    certificates: tuple[Certificate, ...]
    previous: tuple[Certificate, ...]
    created_at: datetime  # of the alias
    replaced_at: datetime | None  # of the alias, before the removal
    removed_at: datetime
    removed_by: str
    created_by: str = ""  # who imported the alias; empty: unknown

    def require_readable(self) -> None:
        """Raise UnreadableCertificate if a stored certificate can't be read."""
        if not self.certificates:
            raise UnreadableCertificate(self.alias, "It can't be restored: import the certificate again.")


def check_alias(alias: str) -> str:
    """Return *alias* as stored. Raises InvalidField."""
    alias = check_visible(alias.strip(), "alias", "The alias")
    if not alias:
        raise InvalidField("alias", "The alias is missing. Enter a name for the certificate, such as pizza-backend.")
    if len(alias) > MAX_ALIAS:
        raise InvalidField("alias", f"The alias has {len(alias)} characters; the limit is {MAX_ALIAS}.")
    if _FORBIDDEN.search(alias) or alias in {".", ".."}:
        raise InvalidField("alias", "Aliases can't contain spaces or ~!@#;:%^*()+={}|\\<>\"',&$[]/.")
    return alias
