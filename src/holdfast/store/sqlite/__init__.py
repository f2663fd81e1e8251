"""
SQLite: the database in a file of the data directory.
"""
