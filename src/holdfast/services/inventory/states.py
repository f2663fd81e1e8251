"""
The state of an endpoint certificate in one word: from its validity, its use, the gateways and its backend.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.certificates.validity import EXPIRING_WITHIN, Status
from holdfast.services.inventory.lists import ListedCertificate

_IN_FORCE = (Progress.ENFORCED, Progress.UNVERIFIED, Progress.NOT_SERVED)


class Word(StrEnum):
    """A state, the most urgent first."""

    EXPIRED = "Expired"
    PARTLY_EXPIRED = "Partly expired"
    NOT_YET_VALID = "Not yet valid"
    REJECTED = "Rejected"
    NOT_IN_FORCE = "Not in force"
    CHANGED = "Changed"
    EXPIRING = "Expiring"
    UNUSED = "Not in use"
    ACTIVE = "Active"


_KINDS = {  # of the component `state`
    Word.EXPIRED: "bad",
    Word.PARTLY_EXPIRED: "soon",
    Word.NOT_YET_VALID: "bad",
    Word.REJECTED: "bad",
    Word.NOT_IN_FORCE: "soon",
    Word.CHANGED: "soon",
    Word.EXPIRING: "soon",
    Word.UNUSED: "quiet",
    Word.ACTIVE: "ok",
}


@dataclass(frozen=True, slots=True)
class CertificateState:
    """The most urgent word about an endpoint certificate, and the others that are also true."""

    word: Word
    others: tuple[Word, ...] = ()

    @property
    def kind(self) -> str:
        """The urgency: ok, soon, bad or quiet. Nothing about an unused certificate is urgent."""
        return "quiet" if Word.UNUSED in (self.word, *self.others) else _KINDS[self.word]

    def __str__(self) -> str:
        """Return all words, such as `Expired, not in use`."""
        return ", ".join([self.word, *(other.lower() for other in self.others)])


def find_state(
    row: ListedCertificate, enforcement: Enforcement | None, now: datetime, *, has_changed: bool = False
) -> CertificateState:
    """
    Return the state of an endpoint certificate.

    *enforcement* is that of its origin, None: not asked for. *has_changed*: its backend recently presented something
    new that is not trusted.
    """
    conditions = {
        Word.EXPIRED: row.status is Status.EXPIRED,
        Word.PARTLY_EXPIRED: row.status is not Status.EXPIRED and row.entry.expires_at < now,
        Word.NOT_YET_VALID: row.status is Status.NOT_YET_VALID,
        Word.REJECTED: enforcement is not None and enforcement.progress is Progress.REFUSED,
        Word.NOT_IN_FORCE: enforcement is not None
        and enforcement.progress not in (*_IN_FORCE, Progress.REFUSED)
        and row.users is not None,
        Word.CHANGED: has_changed,
        Word.EXPIRING: row.status is Status.EXPIRING or now <= row.entry.expires_at <= now + EXPIRING_WITHIN,
        Word.UNUSED: row.users is None,
    }
    words = [word for word, is_true in conditions.items() if is_true] or [Word.ACTIVE]
    return CertificateState(words[0], tuple(words[1:]))
