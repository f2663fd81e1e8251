"""
Use cases that probe a backend, and the meaning of the gateway's verdict.
"""
