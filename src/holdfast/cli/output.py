"""
What commands write: tables and sentences for people, JSON for machines.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from holdfast.cli.failures import CommandFailed
from holdfast.cli.text import plain, plain_json

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

AsJson = Annotated[bool, Option("--json", help="Write JSON, for machines.")]
Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask.")]
MAX_ANSWER = 1024
WIDE = 10_000  # columns where no terminal cuts lines
STYLES = {
    "Active": "green",
    "Expiring": "yellow",
    "Expired": "red",
    "Not yet valid": "yellow",
    "enforced": "green",
    "refused": "red",
    "unverified": "red",
    "error": "red",
    "failed": "red",
    "ok": "green",
    "warning": "yellow",
    "PUBLISHED": "green",
    "DEPRECATED": "yellow",
    "RETIRED": "dim",
}


def write_json(value: Any) -> None:
    """Write *value* as indented JSON."""
    typer.echo(plain_json(json.dumps(value, indent=2, ensure_ascii=False)))


def say(text: str) -> None:
    """Write a sentence, or several lines, for people."""
    typer.echo(plain(text, lines=True))


def tell(text: str) -> None:
    """Write a sentence on standard error, beside what a machine reads."""
    typer.echo(plain(text, lines=True), err=True)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]], nothing: str) -> None:
    """Write a table, or the sentence *nothing* where it has no rows."""
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in table.columns:
        column.overflow = "fold"  # what is cut off cannot be copied
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    if table.row_count:
        _write(table)
    else:
        say(nothing)


def write_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Write names and values below each other; several values of one name are below each other, too."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, show_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        for number, each in enumerate(value if isinstance(value, list) else [value]):
            if each not in (None, ""):
                table.add_row(name if number == 0 else "", _cell(each))
    _write(table)


def date(moment: str) -> str:
    """Write an ISO 8601 time as people read it, in UTC."""
    try:
        return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"
    except ValueError:
        return moment


def grouped(fingerprint: str) -> str:
    """Write hexadecimal digits as pages and openssl do: A1:B2:..."""
    return ":".join(fingerprint[i : i + 2] for i in range(0, len(fingerprint), 2)).upper()


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless it is answered by --yes; raise CommandFailed when the answer is not yes."""
    if not yes and ask(f"{question} [y/N]").lower() not in {"y", "yes"}:
        raise CommandFailed("Nothing was done.")


def ask(question: str) -> str:
    """Ask on standard error, so that standard output stays what it is; raise CommandFailed when nobody answers."""
    typer.echo(f"{plain(question, lines=True)} ", nl=False, err=True)
    line = sys.stdin.readline(MAX_ANSWER)
    if not line:
        tell("")
        raise CommandFailed("Nobody answered, so nothing was done. Add --yes where nobody can be asked.")
    return line.strip()


def _cell(value: object) -> "Text":
    from rich.text import Text

    text = plain(str(value))
    return Text(text, style=STYLES.get(text, ""))


def _write(table: "Table") -> None:
    from rich.console import Console

    # Where lines are not shown but read, they are not folded.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    with console.capture() as capture:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
