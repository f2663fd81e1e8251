"""
Probes of backends through the embedded gateway.
"""
