"""
What the readers of all formats hand on: certificates that are not looked into yet, and what else there was.
"""

from dataclasses import dataclass, field

from holdfast.certificates.errors import MalformedCertificate, TooManyCertificates

MAX_CERTIFICATES = 100
MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class Ignored:
    """A part of the upload that was not used: *what* it is and *why* it was left out."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Part:
    """What should be one certificate, its place in the file, and its place in words if that is not a block."""

    what: str
    der: bytes
    number: int = 1
    count: int = 1
    where: str = ""

    def malformed(self, reason: str) -> MalformedCertificate:
        """Make the error that says that this certificate cannot be read."""
        return MalformedCertificate(self.number, self.count, reason, self.where)


@dataclass(slots=True)
class Contents:
    """The parts of a file; *kind* says what the file is, with its article."""

    kind: str
    parts: list[Part] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Take *part*; far too many are refused at once. Raises TooManyCertificates."""
        self.parts.append(part)
        if len(self.parts) > 10 * MAX_CERTIFICATES:
            raise TooManyCertificates(len(self.parts), MAX_CERTIFICATES)

    def ignore(self, what: str, why: str) -> None:
        """Leave something out, and say so; of very many such parts only the first are named."""
        if len(self.ignored) < 10 * MAX_CERTIFICATES:
            self.ignored.append(Ignored(what, why))


def name_entry(alias: str, number: int) -> str:
    """Name the entry of a keystore by its alias, which may be anything, or else by its place."""
    shown = "".join(character if character.isprintable() else "?" for character in alias[: MAX_NAME + 1])
    if len(shown) > MAX_NAME:
        shown = shown[:MAX_NAME] + "…"
    return f"The entry “{shown}”" if shown else f"The entry {number}"
