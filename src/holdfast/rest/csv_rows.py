"""
Rows of CSV files (RFC 4180), which spreadsheets can open without running formulas.
"""

import csv
import io
from collections.abc import Iterable

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def write_rows(rows: Iterable[Iterable[object]]) -> str:
    """
    Return *rows* as text; None is an empty cell.

    Spreadsheets run a cell that begins like a formula, and names come from users, so such cells begin with an
    apostrophe (OWASP, CSV injection).
    """
    text = io.StringIO()
    csv.writer(text).writerows([_write_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _write_cell(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULAS) else text
