"""
What commands write: tables and sentences for people, JSON for machines.
"""

import json
import os
import sys
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from holdfast.cli.failures import CommandFailed
from holdfast.cli.terminal.text import make_plain, make_plain_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

AsJson = Annotated[bool, Option("--json", help="Write JSON, for machines.")]
Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask.")]
MAX_ANSWER = 1024
WIDE = 10_000  # columns where no terminal cuts lines
SENTENCE = 40  # columns; longer values may be wrapped in a table
GAP = 2  # between columns
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
    # Where the output has another encoding, JSON has to do without its characters: it is UTF-8 (RFC 8259, 8.1).
    is_utf8 = sys.stdout.encoding.lower() in {"utf-8", "utf8"}
    typer.echo(make_plain_json(json.dumps(value, indent=2, ensure_ascii=not is_utf8)))


def say(text: str) -> None:
    """Write a sentence, or several lines, for people."""
    typer.echo(make_plain(text, lines=True))


def tell(text: str) -> None:
    """Write a sentence on standard error, beside what a machine reads."""
    typer.echo(make_plain(text, lines=True), err=True)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]], nothing: str) -> None:
    """
    Write a table, or the sentence *nothing* where it has no rows.

    Where the terminal is too narrow for that, each row is a block of lines: no word is broken, and nothing is lost.
    """
    from rich.table import Table

    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        say(nothing)
        return
    console = _console()
    least = [
        _least_width([name, *map(str, values)]) for name, values in zip(columns, zip(*cells, strict=True), strict=True)
    ]
    if sum(least) + GAP * (len(columns) - 1) > console.width:
        for number, row in enumerate(cells):
            if number:
                say("")
            write_facts(zip(columns, row, strict=True))
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column, width in zip(table.columns, least, strict=True):
        column.min_width = width
        column.overflow = "fold"  # what is cut off cannot be copied
    for row in cells:
        table.add_row(*row)
    _write(console, table)


def write_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Write names and values below each other; several values of one name are below each other, too."""
    from rich.cells import cell_len
    from rich.text import Text

    rows = [
        (name if number == 0 else "", _cell(line))
        for name, value in facts
        for number, line in enumerate(value if isinstance(value, list) else [value])
        if line not in (None, "")
    ]
    console, indent = _console(), max((cell_len(name) for name, _ in rows), default=0) + GAP
    lines = []
    for name, text in rows:
        parts, label = _wrapped(text.plain, console.width - indent), name.ljust(indent)
        if max(map(cell_len, parts)) > console.width - indent:  # below its name, a long value has the whole line
            lines.append(Text(name, "bold"))
            parts, label = _wrapped(text.plain, console.width), ""
        for number, part in enumerate(parts):
            lines.append(Text.assemble((label if number == 0 else " " * len(label), "bold"), (part, text.style)))
    _write(console, *lines)


def format_date(moment: str) -> str:
    """Write an ISO 8601 time as people read it, in UTC."""
    try:
        return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"
    except ValueError:
        return moment


def group_fingerprint(fingerprint: str) -> str:
    """Write hexadecimal digits as pages and openssl do: A1:B2:..."""
    return ":".join(fingerprint[i : i + 2] for i in range(0, len(fingerprint), 2)).upper()


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless it is answered by --yes; raise CommandFailed when the answer is not yes."""
    if not yes and ask(f"{question} [y/N]").lower() not in {"y", "yes"}:
        raise CommandFailed("Nothing was done.")


def ask(question: str) -> str:
    """Ask on standard error, so that standard output stays what it is; raise CommandFailed when nobody answers."""
    typer.echo(f"{make_plain(question, lines=True)} ", nl=False, err=True)
    line = sys.stdin.readline(MAX_ANSWER)
    if not line:
        tell("")
        raise CommandFailed("Nobody answered, so nothing was done. Add --yes where nobody can be asked.")
    return line.strip()


def _least_width(values: Sequence[str]) -> int:
    """Give the columns that values need below each other, if only sentences are wrapped, and no word is broken."""
    from rich.cells import cell_len

    width = max(map(cell_len, values))
    return (
        width if width <= SENTENCE else max(SENTENCE, *(cell_len(word) for value in values for word in value.split()))
    )


def _cell(value: object) -> "Text":
    from rich.text import Text

    if isinstance(value, Text):
        return value
    text = make_plain(str(value))
    return Text(text, style=STYLES.get(text, ""))


def _console() -> "Console":
    from rich.console import Console

    # Where lines are not shown but read, they are not folded.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE
    return Console(highlight=False, markup=False, emoji=False, width=width)


def _wrapped(text: str, width: int) -> list[str]:
    """Break *text* between words; the terminal breaks longer ones, which can then still be copied."""
    return textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False) or [text]


def _write(console: "Console", *parts: "Table | Text") -> None:
    from rich.table import Table

    with console.capture() as capture:
        for part in parts:
            console.print(part, soft_wrap=not isinstance(part, Table))
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
