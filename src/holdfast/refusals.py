"""
Base classes of errors that users can correct or wait out. REST and pages read the field, or the seconds to wait.
"""


class Refusal(ValueError):
    """The input is rejected; *field* names the wrong value as REST and forms do, if there is one."""

    field: str | None = None

    def fields(self, otherwise: str = "") -> dict[str, str]:
        """Return the message by field; *otherwise* is the form field that shows errors without one."""
        field = self.field or otherwise
        return {field: str(self)} if field else {}


class TryLater(Exception):
    """Nothing was done; a new attempt may succeed in *seconds*."""

    seconds: int


class Busy(TryLater):
    """The queue is full; *text* says for what."""

    def __init__(self, text: str, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"{text} Try again in {seconds} seconds.")
