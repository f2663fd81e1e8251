"""
The options that choose files, and the desired state in them.
"""

from dataclasses import dataclass
from typing import Annotated

from typer import Argument, Option

from holdfast.cli.declaration.desired_state import DesiredState
from holdfast.cli.declaration.reader import read_desired_state
from holdfast.cli.declaration.variables import read_variables

Files = Annotated[
    list[str],
    Option(
        "-f", "--file", metavar="FILE", help="YAML file, directory of YAML files, or - for standard input. Repeatable."
    ),
]
OptionalFiles = Annotated[
    list[str] | None,
    Option(
        "-f", "--file", metavar="FILE", help="YAML file, directory of YAML files, or - for standard input. Repeatable."
    ),
]
FileArguments = Annotated[list[str] | None, Argument(metavar="FILE", help="The same as with -f.")]
Overlays = Annotated[
    list[str] | None,
    Option("--overlay", metavar="FILE", help="File whose entries replace fields of those in the files. Repeatable."),
]
Variables = Annotated[
    list[str] | None,
    Option("--var", metavar="NAME=VALUE", help="Value of ${NAME} [default: HOLDFAST_VAR_NAME]. Repeatable."),
]
Label = Annotated[str, Option("--label", metavar="LABEL", help="Label of the files' objects, if the files have none.")]
Prune = Annotated[
    bool, Option("--prune", help="Delete APIs and aliases that aren't in any file and have the files' label.")
]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of a command, its overlays and its label."""

    files: tuple[str, ...]
    overlays: tuple[str, ...] = ()
    label: str = ""

    def read(self, variables: list[str] | None) -> DesiredState:
        """Read the desired state, with *variables* as NAME=VALUE. Raises WrongFile, InvalidUsage."""
        return read_desired_state(self.files, self.overlays, read_variables(variables or []), self.label)
