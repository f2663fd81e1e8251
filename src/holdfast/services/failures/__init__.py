"""
Failed requests that gateways report, and tests of the failing backends.
"""
