"""
Labels of APIs, endpoint certificates and trust settings, which say which files or team they belong to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from holdfast.apis.errors import InvalidField

MAX_LABEL = 63
MAX_LABELS = 20
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class LabeledKind(StrEnum):
    """The kinds of objects that can have labels."""

    API = "api"
    CERTIFICATE = "certificate"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class LabeledObject:
    """An object with labels: an API by its id, an endpoint certificate by its alias, trust settings by their origin."""

    kind: LabeledKind
    object: str
    labels: tuple[str, ...] = ()  # sorted


def check_label(label: str, field: str = "label") -> str:
    """Return *label*. Raises InvalidField."""
    if len(label) > MAX_LABEL or not _LABEL.fullmatch(label):
        text = f"Use 1 to {MAX_LABEL} letters, digits or . _ - for a label; begin and end with a letter or digit."
        raise InvalidField(field, text)
    return label


def check_labels(labels: Iterable[str], field: str = "labels") -> tuple[str, ...]:
    """Return *labels* sorted, without duplicates. Raises InvalidField."""
    sorted_labels = sorted({check_label(label, field) for label in labels})
    if len(sorted_labels) > MAX_LABELS:
        raise InvalidField(field, f"There are {len(sorted_labels)} labels; the limit is {MAX_LABELS}.")
    return tuple(sorted_labels)
