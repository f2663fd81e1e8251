"""
The database of the settings: opening it, migrating it, and copying it to a server.
"""
