"""
The number of transactions, in the header of the database, by which a write-ahead log is recognized.
"""

from sqlalchemy import Connection

MOST = 0x7FFFFFFF  # the largest number; 0 follows


def count_transaction(connection: Connection) -> None:
    """Count the current transaction of *connection*."""
    number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA user_version = {(number + 1) & MOST}")
