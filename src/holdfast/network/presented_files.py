"""
Certificates in files that are presented to clients: read, checked, and reloaded when the files change.

A server starts whatever the files contain, so that an expired certificate doesn't stop all traffic. If the files can't
be used, it rejects TLS handshakes and doesn't fall back to http.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from holdfast.certificates.formats.credentials import Credential
from holdfast.network.certificate_files import LoadedFiles, UnusableCertificate, explain_time, load_for_gateway
from holdfast.network.server_certificates import DAY, ServerCertificate

log = structlog.get_logger()
T = TypeVar("T")
LOOK_AGAIN = 60.0  # seconds
PUBLISHERS_OPTIONS = ("--gateway-tls-cert", "--gateway-tls-key")


class CertificateFiles(ABC, Generic[T]):
    """A certificate and its key in two files, and the version of them that is presented."""

    whose: str

    def __init__(self, certificate: Path, key: Path, now: Callable[[], datetime]) -> None:
        """Read both files."""
        self._now = now
        self._certificate, self._key = certificate.expanduser(), key.expanduser()
        self._loaded: LoadedFiles[T] | None = None
        self._unused = ""  # why the content of the files isn't presented
        self._logged: tuple[str, timedelta | None] = ("", None)  # problem and stage
        self._read()

    @property
    def paths(self) -> tuple[Path, Path]:
        """The paths of certificate and key."""
        return self._certificate, self._key

    @property
    def current(self) -> T | None:
        """The content that is presented; None if there is none."""
        return self._loaded.content if self._loaded else None

    def get_state(self, now: datetime) -> ServerCertificate:
        """Return the state of the presented certificate."""
        if self._loaded is None:
            return ServerCertificate(self.whose, None, None, self._unused)
        problem = self._unused or explain_time(self._certificate, self._loaded, now)
        return ServerCertificate(self.whose, self._loaded.not_before, self._loaded.not_after, problem)

    @property
    def is_previous(self) -> bool:
        """Whether the files can't be used, and an earlier version of them is presented."""
        return self._loaded is not None and bool(self._unused)

    @abstractmethod
    def _load(self, certificate: Path, key: Path) -> LoadedFiles[T]:
        """Read the files. Raises UnusableCertificate."""

    def read_again(self) -> None:
        """Reload the files; if they can't be used, keep presenting the previous certificate."""
        before = self._loaded
        self._read()
        if self._loaded is not before:
            log.info(f"{self.whose} certificate reloaded", file=str(self._certificate))
            self._announce()
        self.tell(self._now())

    def _announce(self) -> None:
        """React to a new certificate."""

    async def watch(self, interval: float = LOOK_AGAIN) -> None:
        """
        Check the files at intervals of *interval* seconds until cancelled, and reload them if they have changed.

        While there is a problem, reload them each time.
        """
        while True:
            now = self._now()
            if self._read_states() != self._seen or self.get_state(now).problem:
                self.read_again()
            self.tell(now)
            await asyncio.sleep(interval)

    def _read(self) -> None:
        self._seen = self._read_states()
        try:
            content = self._load(self._certificate, self._key)
        except UnusableCertificate as error:
            self._unused = str(error)
            return
        now = self._now()
        wrong = explain_time(self._certificate, content, now)
        if wrong and self._loaded and self.get_state(now).is_valid(now):
            self._unused = wrong
            return
        self._unused = ""
        if self._loaded is None or content.identity != self._loaded.identity:
            self._loaded = content

    def tell(self, now: datetime) -> None:
        """Log a problem of the certificate at *now*, or that it expires soon, once each."""
        certificate = self.get_state(now)
        problem, stage = certificate.problem, certificate.find_stage(now)
        logged_problem, logged_stage = self._logged
        self._logged = (problem, stage)
        if problem and problem != logged_problem:
            presented_version = (
                "nothing" if not self._loaded else "the previous certificate" if self._unused else "this certificate"
            )
            log.error(f"{self.whose} certificate has a problem", why=problem, presented=presented_version)
        if stage and stage != logged_stage and certificate.not_after:
            level = logging.ERROR if stage <= DAY else logging.WARNING
            days = (certificate.not_after - now) // DAY
            log.log(level, f"{self.whose} certificate expires soon", days=days, not_after=f"{certificate.not_after}")

    def _read_states(self) -> list[tuple[int, int, int, int] | None]:
        return [_read_state(self._certificate), _read_state(self._key)]


class GatewayCertificate(CertificateFiles[Credential]):
    """The certificate that gateways present to callers. Open connections keep theirs."""

    whose = "gateway"
    on_change: Callable[[Credential], None] | None = None

    def __init__(
        self,
        certificate: Path,
        key: Path,
        now: Callable[[], datetime],
        options: tuple[str, str] = PUBLISHERS_OPTIONS,
    ) -> None:
        """Read both files, which the command-line *options* name."""
        self._options = options
        super().__init__(certificate, key, now)

    def _load(self, certificate: Path, key: Path) -> LoadedFiles[Credential]:
        return load_for_gateway(certificate, key, self._options)

    def _announce(self) -> None:
        if self.on_change and self.current:
            self.on_change(self.current)


def _read_state(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
