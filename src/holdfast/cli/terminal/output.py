"""
Output of commands: tables and text for people, JSON for scripts.
"""

import json
import os
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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

AsJson = Annotated[bool, Option("--json", help="Print JSON.")]
Yes = Annotated[bool, Option("--yes", "-y", help="Skip confirmation.")]
MAX_ANSWER = 1024
WIDE = 10_000  # columns if no terminal wraps lines
SENTENCE = 40  # columns; longer values can be wrapped in a table
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
    "PROTOTYPED": "yellow",
    "PUBLISHED": "green",
    "BLOCKED": "red",
    "DEPRECATED": "yellow",
    "RETIRED": "dim",
}


def write_json(value: Any) -> None:
    """Write *value* as indented JSON."""
    # JSON is UTF-8 (RFC 8259, section 8.1); in another encoding, escape all other characters.
    is_utf8 = sys.stdout.encoding.lower() in {"utf-8", "utf8"}
    typer.echo(make_plain_json(json.dumps(value, indent=2, ensure_ascii=not is_utf8)))


def say(text: str) -> None:
    """Print text to standard output."""
    typer.echo(make_plain(text, lines=True))


def tell(text: str) -> None:
    """Print text to standard error, apart from what scripts read."""
    typer.echo(make_plain(text, lines=True), err=True)


@dataclass(frozen=True, slots=True)
class NarrowTable:
    """A table with fewer columns, but all that names an object; `-o wide` has what it leaves out."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


def write_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    nothing: str,
    *,
    titles: Sequence[str] = (),
    narrow: NarrowTable | None = None,
) -> None:
    """
    Print a table, or the sentence *nothing* if there are no rows.

    If the terminal is too narrow, the table is *narrow*, or each row is a block of lines: no word is broken or cut
    off. With *titles*, one for each row, its last value follows its title instead.
    """
    cells = [[_build_cell(value) for value in row] for row in rows]
    if not cells:
        say(nothing)
        return
    if _write_if_it_fits(columns, cells):
        return
    if narrow and _write_if_it_fits(narrow.columns, [[_build_cell(value) for value in row] for row in narrow.rows]):
        return
    if titles:
        write_facts(zip(titles, (row[-1] for row in cells), strict=True))
        return
    for number, row in enumerate(cells):
        if number:
            say("")
        write_facts(zip(columns, row, strict=True))


def write_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair per line; more values of the same name follow on separate lines."""
    from rich.cells import cell_len
    from rich.text import Text

    rows = [
        (name if number == 0 else "", _build_cell(line))
        for name, value in facts
        for number, line in enumerate(value if isinstance(value, list) else [value])
        if line not in (None, "")
    ]
    console, indent = _make_console(), max((cell_len(name) for name, _ in rows), default=0) + GAP
    lines = []
    for name, text in rows:
        parts, label = _wrap_words(text.plain, console.width - indent), name.ljust(indent)
        if max(map(cell_len, parts)) > console.width - indent:  # put a long value below its name
            lines.append(Text(name, "bold"))
            parts, label = _wrap_words(text.plain, console.width), ""
        for number, part in enumerate(parts):
            lines.append(Text.assemble((label if number == 0 else " " * len(label), "bold"), (part, text.style)))
    _write(console, *lines)


def format_date(moment: str) -> str:
    """Format an ISO 8601 time for reading, in UTC."""
    try:
        return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"
    except ValueError:
        return moment


def group_fingerprint(fingerprint: str) -> str:
    """Format hexadecimal digits like openssl does: A1:B2:..."""
    return ":".join(fingerprint[i : i + 2] for i in range(0, len(fingerprint), 2)).upper()


def confirm(question: str, *, yes: bool) -> None:
    """Ask for confirmation unless *yes*. Raises CommandFailed if the answer isn't yes."""
    if not yes and ask(f"{question} [y/N]").lower() not in {"y", "yes"}:
        raise CommandFailed("Cancelled. Nothing was changed.")


def ask(question: str, option: str = "--yes") -> str:
    """
    Ask on standard error, apart from the output; *option* answers without a terminal.

    Raises CommandFailed if standard input is closed.
    """
    typer.echo(f"{make_plain(question, lines=True)} ", nl=False, err=True)
    line = sys.stdin.readline(MAX_ANSWER)
    if not line:
        tell("")
        raise CommandFailed(f"No answer. Nothing was changed. Use {option} without a terminal.")
    return line.strip()


def _write_if_it_fits(columns: Sequence[str], cells: Sequence[Sequence["Text"]]) -> bool:
    """Print a table, and return True, unless the terminal is too narrow."""
    from rich.table import Table

    console = _make_console()
    least = [
        _find_least_width([name, *map(str, values)])
        for name, values in zip(columns, zip(*cells, strict=True), strict=True)
    ]
    if sum(least) + GAP * (len(columns) - 1) > console.width:
        return False
    table = Table(*columns, box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column, width in zip(table.columns, least, strict=True):
        column.min_width = width
        column.overflow = "fold"  # text that is cut off can't be copied
    for row in cells:
        table.add_row(*row)
    _write(console, table)
    return True


def _find_least_width(values: Sequence[str]) -> int:
    """Return the minimum width of a column in which only sentences are wrapped and no word is broken."""
    from rich.cells import cell_len

    width = max(map(cell_len, values))
    return (
        width if width <= SENTENCE else max(SENTENCE, *(cell_len(word) for value in values for word in value.split()))
    )


def _build_cell(value: object) -> "Text":
    from rich.text import Text

    if isinstance(value, Text):
        return value
    text = make_plain(str(value))
    return Text(text, style=STYLES.get(text, ""))


def _make_console() -> "Console":
    from rich.console import Console

    # Lines that a script reads aren't wrapped.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE
    return Console(highlight=False, markup=False, emoji=False, width=width)


def _wrap_words(text: str, width: int) -> list[str]:
    """Break *text* between words. The terminal wraps longer words, which can then still be copied."""
    return textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False) or [text]


def _write(console: "Console", *parts: "Table | Text") -> None:
    from rich.table import Table

    with console.capture() as capture:
        for part in parts:
            console.print(part, soft_wrap=not isinstance(part, Table))
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
