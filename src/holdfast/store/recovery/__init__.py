"""
The database as a file: integrity checks, copies and restores.
"""
