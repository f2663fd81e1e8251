"""
Use cases that test a backend, and the meaning of the gateway's verdict.
"""
