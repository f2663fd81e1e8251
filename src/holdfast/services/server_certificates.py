"""
What the publisher and the gateway present to their own clients: until when, and what is wrong with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.certificates.validity import EXPIRING_WITHIN

DAY = timedelta(days=1)
WARN_AT = (EXPIRING_WITHIN, 7 * DAY, DAY)  # before the end


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """
    What *server* (publisher or gateway) presents, valid from *not_before* to *not_after*; both None: nothing.

    *problem* names files and is for operators; empty when what the files hold is presented and valid.
    """

    server: str
    not_before: datetime | None
    not_after: datetime | None
    problem: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Whether clients that verify it can connect, as far as its time is concerned."""
        return self.not_before is not None and self.not_after is not None and self.not_before <= now <= self.not_after

    def find_stage(self, now: datetime) -> timedelta | None:
        """Say which of WARN_AT has been passed last, zero after the end; None before the first, or without an end."""
        if self.not_after is None:
            return None
        left = self.not_after - now
        return next((stage for stage in (timedelta(), *reversed(WARN_AT)) if left <= stage), None)

    def write_warning(self, now: datetime) -> str:
        """Say in a sentence for people who can't see files that something must be done; empty when nothing must."""
        whose = f"The {self.server}'s certificate"
        if self.not_after is None or self.not_before is None:
            return f"{whose} can't be used, so the {self.server} answers nobody over https."
        end = self.not_after
        day = f"{end:%b} {end.day}, {end.year}"  # as browsers write it; one with hyphens breaks at them
        if now > self.not_after:
            return f"{whose} expired on {day}. Clients that verify it can't connect. Renew it."
        if now < self.not_before:
            return f"{whose} isn't valid before {self.not_before:%Y-%m-%d %H:%M} UTC. Check the clock of the machine."
        if self.problem:
            return f"{whose} was replaced by files that can't be used. The previous one is presented until {day}."
        return f"{whose} expires on {day}. Renew it before then." if self.find_stage(now) is not None else ""


# What is presented at a moment, by each server that speaks TLS.
ServerCertificates = Callable[[datetime], Sequence[ServerCertificate]]


def present_nothing(now: datetime) -> Sequence[ServerCertificate]:
    """Neither server speaks TLS."""
    del now
    return ()
