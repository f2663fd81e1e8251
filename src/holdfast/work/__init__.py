"""
Expensive work, shared fairly among users and done in separate processes.
"""
