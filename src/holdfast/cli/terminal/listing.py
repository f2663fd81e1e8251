"""
Lists: as a table, JSON, YAML or only names, once or whenever they change.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer import Option

from holdfast.cli.failures import CannotConnect, InvalidUsage
from holdfast.cli.terminal.output import NarrowTable, say, tell, write_json, write_table
from holdfast.cli.terminal.text import make_plain

PAUSE = 2.0  # seconds between two reads with --watch
_CLEAR = "\x1b[H\x1b[2J"


class Form(StrEnum):
    """The form in which a list is printed."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


Output = Annotated[
    Form | None, Option("-o", "--output", metavar="FORMAT", help="table, wide, json, yaml or name [default: table].")
]
Watch = Annotated[bool, Option("--watch", "-w", help="Print the list again whenever it changes, until Ctrl-C.")]


@dataclass(frozen=True, slots=True)
class Listing:
    """
    A list: *body* is its JSON, and *names* are those that `-o name` prints.

    *rows* have a value for each of *columns* and then of *wide*, the columns that only `-o wide` shows. *nothing* is a
    sentence for an empty list, and *notes* follow the table. *narrow* is the table for terminals that are too narrow.
    """

    body: dict[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    names: Sequence[str]
    nothing: str
    wide: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    narrow: NarrowTable | None = None


def write_listing(listing: Listing, output: Form | None, as_json: bool) -> None:
    """Print *listing*; `--json` is short for `-o json`. Raises InvalidUsage if both are given and differ."""
    if as_json and output not in {None, Form.JSON}:
        raise InvalidUsage("Use either --json or --output.")
    form = Form.JSON if as_json else output or Form.TABLE
    match form:
        case Form.JSON:
            write_json(listing.body)
        case Form.YAML:
            _write_yaml(listing.body)
        case Form.NAME:
            for name in listing.names:
                say(name)
        case _:
            columns = [*listing.columns, *listing.wide] if form is Form.WIDE else listing.columns
            narrow = None if form is Form.WIDE else listing.narrow
            write_table(columns, [row[: len(columns)] for row in listing.rows], listing.nothing, narrow=narrow)
            for note in listing.notes:
                say(note)


def show_listing(read: Callable[[], Listing], output: Form | None, as_json: bool, *, watch: bool = False) -> None:
    """Print the result of *read*, with *watch* again whenever it changes; a lost connection is reported once."""
    last = read()
    write_listing(last, output, as_json)
    is_reachable = True
    while watch:
        sys.stdout.flush()
        time.sleep(PAUSE)
        try:
            listing = read()
        except CannotConnect as error:
            if is_reachable:
                tell(f"{error} Trying again.")
            is_reachable = False
            continue
        if listing.body != last.body or not is_reachable:
            typer.echo(_CLEAR if sys.stdout.isatty() else "", nl=not sys.stdout.isatty())
            write_listing(listing, output, as_json)
        last, is_reachable = listing, True


def _write_yaml(value: Any) -> None:
    import yaml  # takes long to import

    plain = json.loads(json.dumps(value))  # without the types of responses
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    typer.echo(make_plain(text, lines=True), nl=False)
