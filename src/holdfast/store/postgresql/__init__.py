"""
PostgreSQL: the database that several control planes share. Nothing here is imported with SQLite.
"""
