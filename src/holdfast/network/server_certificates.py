"""
The certificates that the publisher and the gateway present to their own clients: validity and problems.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.certificates.validity import EXPIRING_WITHIN

DAY = timedelta(days=1)
WARN_AT = (EXPIRING_WITHIN, 7 * DAY, DAY)  # before expiry


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """
    The certificate of *server* (publisher or gateway); *not_before* and *not_after* are None if it presents none.

    *problem* names files, for operators; empty if the certificate in the files is presented and valid.
    """

    server: str
    not_before: datetime | None
    not_after: datetime | None
    problem: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Return whether the certificate is valid at *now*."""
        return self.not_before is not None and self.not_after is not None and self.not_before <= now <= self.not_after

    def find_stage(self, now: datetime) -> timedelta | None:
        """Return the latest of WARN_AT that was reached, zero after expiry; None before the first, or without one."""
        if self.not_after is None:
            return None
        time_left = self.not_after - now
        return next((stage for stage in (timedelta(), *reversed(WARN_AT)) if time_left <= stage), None)

    def write_warning(self, now: datetime) -> str:
        """Return a warning for users, who can't see files; empty if there is nothing to do."""
        whose = f"The {self.server}'s certificate"
        if self.not_after is None or self.not_before is None:
            return f"{whose} can't be used, so the {self.server} doesn't serve https."
        end = self.not_after
        day = f"{end:%b} {end.day}, {end.year}"  # as browsers write dates; they could break the line at hyphens
        if now > self.not_after:
            return f"{whose} expired on {day}, so clients that verify it can't connect. Renew it."
        if now < self.not_before:
            return f"{whose} isn't valid before {self.not_before:%Y-%m-%d %H:%M} UTC. Check the clock of this machine."
        if self.problem:
            return f"{whose} was replaced by files that can't be used. The previous one stays in use until {day}."
        return f"{whose} expires on {day}. Renew it before then." if self.find_stage(now) is not None else ""


# Returns the certificates at a time, one for each server with TLS.
ServerCertificates = Callable[[datetime], Sequence[ServerCertificate]]


def present_nothing(now: datetime) -> Sequence[ServerCertificate]:
    """Return no certificates: neither server uses TLS."""
    del now
    return ()
