"""
Expensive work: shared fairly among users, and done in other processes.
"""
