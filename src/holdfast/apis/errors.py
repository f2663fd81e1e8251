"""
Why a value of an API is not accepted: the field, what is wrong, what to do.
"""

from holdfast.refusals import Refusal


class InvalidField(Refusal):
    """A value that cannot be used; *field* is its name at the doors, the text is for people."""

    field: str

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class InvalidFields(Refusal):
    """Several values that cannot be used, each with its own error."""

    def __init__(self, errors: list[InvalidField]) -> None:
        self.errors = errors
        super().__init__(" ".join(str(error) for error in errors))

    def fields(self, otherwise: str = "") -> dict[str, str]:
        """Give the text of each error by its field, which each has."""
        del otherwise
        return {error.field: str(error) for error in self.errors}


class UnreadableDocument(ValueError):
    """A file is neither JSON nor YAML, or more of it than is read; the text goes on from the name of the file."""


class InvalidDefinition(Refusal):
    """A definition of an API that cannot be used; *problems* says why, one sentence each."""

    field = "definition"

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems))


class UnreadableArchive(Refusal):
    """An archive of an API that cannot be used; the text says what is wrong with it."""

    field = "file"


class TransitionRefused(Refusal):
    """The lifecycle knows no *action* from *state*."""

    def __init__(self, action: str, state: str, possible: list[str]) -> None:
        self.action = action
        self.state = state
        self.possible = possible
        super().__init__(
            f"{action!r} is not possible from {state}. Possible now: {', '.join(possible) or 'nothing, it is the end'}."
        )
