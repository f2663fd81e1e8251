"""
Failed requests: codes for the causes that Envoy reports, and explanations of them.
"""
