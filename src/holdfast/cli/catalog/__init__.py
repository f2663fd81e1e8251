"""
Commands about APIs and endpoints.
"""
