"""
REST operations on APIs, endpoints and the lifecycle.
"""
