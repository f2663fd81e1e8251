"""
Numbers of rows, which take as long to count as a page of them takes to read.
"""


def find_total(row_count: int, offset: int, limit: int | None) -> int | None:
    """Return the number of all rows if a page with *row_count* of them is the last one; None: they must be counted."""
    is_last = (limit is None or row_count < limit) and (row_count > 0 or offset == 0)
    return offset + row_count if is_last else None
