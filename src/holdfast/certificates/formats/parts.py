"""
The common result of all format readers: certificates that are not parsed yet, and ignored parts.
"""

from dataclasses import dataclass, field

from holdfast.certificates.errors import MalformedCertificate, TooManyCertificates

MAX_CERTIFICATES = 100
MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class SkippedPart:
    """A part of the upload that was not used: *what* it is, and *why* it was ignored."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a certificate, its position in the file, and a description of the position if it isn't a block."""

    what: str
    der: bytes
    number: int = 1
    count: int = 1
    where: str = ""

    def make_error(self, reason: str) -> MalformedCertificate:
        """Return the error for a certificate that can't be read."""
        return MalformedCertificate(self.number, self.count, reason, self.where)


@dataclass(slots=True)
class Contents:
    """The parts of a file; *kind* says what the file is, with an article."""

    kind: str
    parts: list[Part] = field(default_factory=list)
    ignored: list[SkippedPart] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Add *part*. Raises TooManyCertificates at ten times the limit, so that reading stops early."""
        self.parts.append(part)
        if len(self.parts) > 10 * MAX_CERTIFICATES:
            raise TooManyCertificates(len(self.parts), MAX_CERTIFICATES)

    def ignore(self, what: str, why: str) -> None:
        """Record an ignored part; only the first 1,000 are kept."""
        if len(self.ignored) < 10 * MAX_CERTIFICATES:
            self.ignored.append(SkippedPart(what, why))


def name_entry(alias: str, number: int) -> str:
    """Return a name for a keystore entry: its alias, which may be any text, or its position if there is none."""
    text = "".join(character if character.isprintable() else "?" for character in alias[: MAX_NAME + 1])
    if len(text) > MAX_NAME:
        text = text[:MAX_NAME] + "…"
    return f"The entry “{text}”" if text else f"The entry {number}"
