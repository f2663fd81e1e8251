"""
Numbers of rows, which take as long to count as a page of them takes to read.
"""


def find_total(listed: int, offset: int, limit: int | None) -> int | None:
    """Return the number of all rows if a page with *listed* of them is the last one; None: they must be counted."""
    is_last = (limit is None or listed < limit) and (listed > 0 or offset == 0)
    return offset + listed if is_last else None
