"""
Asking the gateway to connect to a backend, and reading what it says.
"""
