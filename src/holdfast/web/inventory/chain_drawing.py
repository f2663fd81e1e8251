"""
A drawing of the certificates of an alias: each below its issuer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast.certificates.certificate import Certificate

WIDTH, HEIGHT, GAP, INDENT = 440, 52, 16, 28  # of the picture, of a box, between boxes, of a box below its issuer
_LONGEST = 40  # characters in a box


@dataclass(frozen=True, slots=True)
class Box:
    """A certificate that is valid until *end*, or an issuer that isn't imported; *line* leads up to its issuer."""

    title: str
    note: str
    x: int
    y: int
    end: datetime | None = None
    line: str = ""

    @property
    def width(self) -> int:
        """The width, up to the right edge of the picture."""
        return WIDTH - self.x - 1

    @property
    def short_title(self) -> str:
        """The title as far as it fits."""
        most = _LONGEST - self.x // 9
        return self.title if len(self.title) <= most else f"{self.title[: most - 1]}…"


@dataclass(frozen=True, slots=True)
class Drawing:
    """All boxes, from top to bottom, and the size of the picture."""

    boxes: tuple[Box, ...]
    words: str  # the same as a sentence
    width: int = WIDTH

    @property
    def height(self) -> int:
        """The height of the picture."""
        return len(self.boxes) * (HEIGHT + GAP) - GAP + 2


def draw_chain(certificates: Sequence[Certificate]) -> Drawing:
    """Draw *certificates*, each below its issuer; issuers that aren't among them are drawn with a dashed line."""
    boxes: list[Box] = []
    tops = [candidate for candidate in certificates if _find_issuer(candidate, certificates) is None]
    fingerprints: set[str] = set()

    def place(certificate: Certificate, depth: int, parent: Box | None) -> None:
        if certificate.fingerprint in fingerprints:
            return
        fingerprints.add(certificate.fingerprint)
        kind = "Self-signed" if certificate.is_self_issued else "CA" if certificate.is_ca else "Server certificate"
        box = _add(boxes, certificate.title, kind, depth, parent, certificate.not_after)
        for below in certificates:
            if _find_issuer(below, certificates) is certificate:
                place(below, depth + 1, box)

    for top in tops:
        if top.is_self_issued:
            place(top, 0, None)
        else:
            place(top, 1, _add(boxes, top.issuer_title, "Issuer, not imported", 0, None))
    for rest in certificates:
        place(rest, 0, None)  # those that issued each other
    words = "; ".join(
        f"{entry.title} is self-signed" if entry.is_self_issued else f"{entry.title} was issued by {entry.issuer_title}"
        for entry in certificates
    )
    return Drawing(tuple(boxes), words)


def _find_issuer(certificate: Certificate, among: Sequence[Certificate]) -> Certificate | None:
    if certificate.is_self_issued:
        return None
    return next(
        (candidate for candidate in among if candidate is not certificate and candidate.subject == certificate.issuer),
        None,
    )


def _add(boxes: list[Box], title: str, note: str, depth: int, parent: Box | None, end: datetime | None = None) -> Box:
    x, y = min(depth, 5) * INDENT + 1, len(boxes) * (HEIGHT + GAP) + 1
    line, middle = "", y + HEIGHT // 2
    if parent:
        start = parent.x + 14
        line = f"{start},{parent.y + HEIGHT} {start},{middle} {x},{middle}"
    box = Box(title, note, x, y, end, line)
    boxes.append(box)
    return box
