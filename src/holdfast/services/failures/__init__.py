"""
Failed requests: what gateways report, and probes of the backends that fail.
"""
