"""
The keys that encrypt secrets in the database, and their rotation.
"""
