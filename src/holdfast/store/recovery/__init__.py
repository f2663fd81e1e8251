"""
The database as a file: its integrity, copies of it, and restoring one.
"""
