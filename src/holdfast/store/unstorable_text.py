"""
The refusal of a text that the database can't store. It is about the request, unlike the errors of the database.
"""

from sqlalchemy.exc import DontWrapMixin

from holdfast.refusals import Refusal


class UnstorableText(Refusal, DontWrapMixin):
    """A text contains U+0000 or half of a surrogate pair, which aren't part of any text and can't be stored."""

    def __init__(self) -> None:
        super().__init__("A text contains the character U+0000 or half of a surrogate pair. Remove it.")
