"""
Base classes of errors that users can correct, or that go away with time.
"""


class Refusal(ValueError):
    """The input is rejected; *field* is the name of the wrong value in REST and forms, if there is one."""

    field: str | None = None

    def map_to_fields(self, otherwise: str = "") -> dict[str, str]:
        """Return the message by field; *otherwise* is the form field for errors without a field."""
        field = self.field or otherwise
        return {field: str(self)} if field else {}


class TryLater(Exception):
    """Nothing was done; retrying may succeed in *seconds*."""

    seconds: int


class Busy(TryLater):
    """A queue is full; *text* says which."""

    def __init__(self, text: str, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"{text} Try again in {seconds} seconds.")
