"""
Several control planes with one database: which ones run, and which of them does what must be done once.
"""
