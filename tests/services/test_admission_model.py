"""Exactly the certificates that should be accepted are, after any sequence of what operators and machines do."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from acting import context_of
from enrolling import SEALING, Machine
from holdfast.gateway.peer import Peer
from holdfast.server.clock import utc_now
from holdfast.services.access.principal import Principal
from holdfast.services.errors import JoinRefused, NotFound, RenewalRefused, RenewedJustNow
from holdfast.services.gateways import enrollment
from holdfast.services.gateways.admissions import Admissions
from holdfast.services.gateways.joining import renew
from holdfast.store.access import accounts
from holdfast.store.database import Store

pytestmark = pytest.mark.long

MACHINE = Machine()
LASTS, PAUSE, MINUTE, DAY = timedelta(days=30), timedelta(minutes=1), timedelta(minutes=1), timedelta(days=1)
NAMES = ["eu-1", "eu-2"]
# By action, what to choose its argument from; actions are chosen as often as they are listed.
STEPS = [
    ("enroll", NAMES),
    ("join", range(4)),
    ("replace", NAMES),
    ("revoke", NAMES),
    *[("renew", range(3))] * 6,
    *[("wait", [*[MINUTE] * 8, 60 * MINUTE, 10 * DAY, 30 * DAY])] * 6,
]


@dataclass
class ModelCertificate:
    """A certificate, and what should be true of it."""

    name: str
    fingerprint: str
    at: datetime
    accepted: bool = True


class Installation:
    """A database, and what it should accept: at most two certificates of a gateway."""

    def __init__(self, database: Path) -> None:
        self.store = Store(database, utc_now())
        self.now = datetime.now(UTC)
        with self.store.write() as session:
            accounts.insert_organization(session, "default", self.now)
        self._tokens: list[tuple[str, str, datetime]] = []  # name, text, when it was created
        self._unused: dict[str, str] = {}  # the text of the unused token of each gateway
        self.issued: list[ModelCertificate] = []
        self._admissions = asyncio.run(self._admit())

    async def _admit(self):
        return Admissions(self.store, lambda: self.now)

    def _context(self):
        return context_of(self.store, Principal("default", "anna"), self.now)

    def enroll(self, name):
        text = enrollment.create_join_token(self._context(), SEALING, name).token
        self._tokens.append((name, text, self.now))
        self._unused[name] = text

    def join(self, number):
        """Join with one of the latest tokens."""
        for name, text, created_at in self._tokens[-1 - number :][:1]:
            is_valid = self._unused.get(name) == text and self.now < created_at + timedelta(hours=1)
            try:
                member = MACHINE.join(self.store, text, self.now)
            except JoinRefused:
                assert not is_valid
                return
            assert is_valid
            del self._unused[name]
            self._reject(name)
            self.issued.append(ModelCertificate(name, member.gateway.certificate.fingerprint, self.now))

    def replace(self, name):
        self.enroll(name)
        self.join(0)

    def renew(self, number):
        """Renew one of the accepted certificates, or the oldest one."""
        candidates = [certificate for certificate in self.issued if self._is_accepted(certificate)] + self.issued[:1]
        for certificate in candidates[number : number + 1]:
            newest = max(other.at for other in self.issued if other.name == certificate.name)
            try:
                member = renew(self.store, SEALING, certificate.fingerprint, MACHINE.request(), self.now)
            except RenewalRefused:
                assert not self._is_accepted(certificate)
                return
            except RenewedJustNow:
                assert self.now < newest + PAUSE
                return
            assert self._is_accepted(certificate)
            self._reject(certificate.name, but=certificate)
            self.issued.append(ModelCertificate(certificate.name, member.gateway.certificate.fingerprint, self.now))

    def revoke(self, name):
        with suppress(NotFound):
            enrollment.revoke_gateway(self._context(), name)
        self._unused.pop(name, None)
        self._reject(name)

    def wait(self, time):
        self.now += time

    def check(self):
        for certificate in self.issued[-6:]:
            expected = Peer(certificate.name, "Default") if self._is_accepted(certificate) else None
            assert self._admissions.authorize(certificate.fingerprint) == expected
        names = [certificate.name for certificate in self.issued if self._is_accepted(certificate)]
        assert all(names.count(name) <= 2 for name in names)

    def _is_accepted(self, certificate):
        return certificate.accepted and self.now < certificate.at + LASTS

    def _reject(self, name, but=None):
        for certificate in self.issued:
            if certificate.name == name and certificate is not but:
                certificate.accepted = False


@pytest.mark.parametrize("seed", [0, 5])
def test_exactly_the_right_certificates_are_accepted(database, seed):
    installation, random = Installation(database), Random(seed)  # noqa: S311 - repeatable on purpose
    for _ in range(90):
        action, choices = random.choice(STEPS)
        getattr(installation, action)(random.choice(choices))
        installation.check()
    assert len(installation.issued) > 5
    installation.store.close()
