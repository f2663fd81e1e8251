"""
Forms as conditional requests (RFC 9110, section 13), which prevent lost updates: a form sends the entity tag of what it
was filled from, and isn't saved unless that is the current one.
"""

from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Depends, Form

from holdfast.services.errors import ContentChanged
from holdfast.services.versions import Expected


@dataclass(frozen=True, slots=True)
class Condition:
    """
    The entity tag in a form (the template `_condition.html`). A form without one is saved unconditionally.

    *has_failed*: someone has changed the same since, so the form wasn't saved. It keeps its input and has the current
    tag now, so that it can be saved again. The message says that the *subject* has changed, and which part of the
    input is lost (*loss*), such as secrets, which pages can't keep.
    """

    tag: str = ""
    has_failed: bool = False
    subject: str = "this"
    loss: str = ""

    @property
    def expected(self) -> Expected:
        """The condition for a change."""
        return frozenset({self.tag}) if self.tag else None

    @classmethod
    def after(cls, error: ContentChanged, *, subject: str = "this", loss: str = "") -> Self:
        """Return the condition for a form that failed with *error*."""
        return cls(error.tag, has_failed=True, subject=subject, loss=loss)


NO_CONDITION = Condition()


def _read_condition(if_match: Annotated[str, Form()] = "") -> Condition:
    return Condition(if_match)


SentCondition = Annotated[Condition, Depends(_read_condition)]
