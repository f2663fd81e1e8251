"""
Work that costs a lot: shared fairly among users, and done in other processes.
"""
