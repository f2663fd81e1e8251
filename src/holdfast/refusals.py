"""
What the doors need to know of an error to answer it: which field it is about, and when to try again.
"""


class Refusal(ValueError):
    """What somebody sent is not accepted; *field* is the value to blame, by its name at the doors, if it is one."""

    field: str | None = None

    def fields(self, otherwise: str = "") -> dict[str, str]:
        """Give what is wrong by field; *otherwise* is the field of a form that shows what is about none."""
        field = self.field or otherwise
        return {field: str(self)} if field else {}


class TryLater(Exception):
    """Nothing was done now; the next attempt may succeed in *seconds*."""

    seconds: int


class Busy(TryLater):
    """There is no place left to wait for what *text* says."""

    def __init__(self, text: str, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"{text} Try again in {seconds} seconds.")
