"""
Errors in the values of an API: which field is wrong, why, and what to do.
"""

from holdfast.refusals import Refusal


class InvalidField(Refusal):
    """An invalid value; *field* is its name in REST and forms."""

    field: str

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class InvalidFields(Refusal):
    """Several invalid values, each with its own error."""

    def __init__(self, errors: list[InvalidField]) -> None:
        self.errors = errors
        super().__init__(" ".join(str(error) for error in errors))

    def map_to_fields(self, otherwise: str = "") -> dict[str, str]:
        """Return the text of each error by field; each error has one."""
        del otherwise
        return {error.field: str(error) for error in self.errors}


class UnreadableData(Refusal):
    """Something that is stored can't be read, because the database was damaged; *remedy* says what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} can't be read. {remedy}")


class UnreadableDocument(ValueError):
    """A file that isn't JSON or YAML, or exceeds a limit; the text continues after the file's name."""


class InvalidDefinition(Refusal):
    """An invalid API definition; *problems* says why, one sentence each."""

    field = "definition"

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems))


class UnreadableArchive(Refusal):
    """An invalid API archive; the text says what is wrong."""

    field = "file"


class TransitionRefused(Refusal):
    """The lifecycle has no *action* in *state*."""

    def __init__(self, action: str, state: str, possible: list[str]) -> None:
        self.action = action
        self.state = state
        self.possible = possible
        super().__init__(
            f"{action!r} isn't possible in state {state}. Possible actions: {', '.join(possible) or 'none'}."
        )
