"""
Ask the embedded gateway to connect to a backend, and read its answer.
"""
