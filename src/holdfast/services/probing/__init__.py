"""
Use cases that connect to a backend and look, and what the gateway's verdict means.
"""
